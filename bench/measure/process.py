"""A server on a pinned core, and the load on another."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

SERVER_CORE, LOAD_CORE = "0", "1"
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process on the server's core that answers GET on `ready`. `started` is how many seconds that took."""

    def __init__(self, command, port, ready, cwd, environment=None, patience=120, pinned=True):
        self.port = port
        # A line in the log for each request would cost both sides of a comparison the same.
        environment = {**os.environ, "SYMBOLON_TELEMETRY_LOG_LEVEL": "warn", **(environment or {})}
        began = time.monotonic()
        self.process = subprocess.Popen(
            [*(["taskset", "-c", SERVER_CORE] if pinned else []), *command],
            cwd=cwd,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # To be ended with its children, and not a session of its own: Linux shares the cores among sessions before threads
            # (sched_autogroup), so that a load beside a busy server could wait a tenth of a second for its turn.
            process_group=0,
        )
        while not self.answers(ready):
            if time.monotonic() > began + patience or self.process.poll() is not None:
                self.stop()
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.001)
        self.started = time.monotonic() - began

    def answers(self, path):
        try:
            return self.call("GET", path)[0] < 500
        except OSError:
            return False

    def call(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, str):
            headers["content-type"] = "application/json"
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers

    def answer_bytes(self, path, header=None):
        """Length of a whole answer, head and body."""
        lines = [f"GET {path} HTTP/1.1", f"host: 127.0.0.1:{self.port}", "connection: close", *([header] if header else [])]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        return len(answer)

    def cpu(self):
        """CPU seconds of the process so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self):
        """Bytes of it that are in memory."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024

    def stop(self):
        if self.process.poll() is None:
            # With whatever it started itself.
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=60)


def symbolon(binary, folder, pinned=True, **settings):
    """A server of ours over `folder`/data, its settings given as `section__key`."""
    port = free_port()
    environment = {f"SYMBOLON_{name.upper().replace('__', '_')}": str(value) for name, value in settings.items()}
    command = [binary, "serve", "--data", os.path.join(folder, "data"), "--listen", f"127.0.0.1:{port}"]
    return Server(command, port, "/readyz", folder, environment, pinned=pinned)


def told_to_operator(folder, path):
    """What our server in `folder` answers its operator."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.path.join(folder, "data", "admin.sock"))
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def as_long(bare, length, header, folder):
    """The bare route with a body that makes its whole answer so long; it depends on itself by the digits of its length."""
    body = length
    while True:
        port = free_port()
        beside = Server([bare, str(port), str(body)], port, "/v1/me", folder)
        longer = beside.answer_bytes("/v1/me", header) - length
        if longer == 0:
            return beside
        beside.stop()
        body -= longer


def load(server, seconds, connections, header=None, script=None, path="/v1/me"):
    """Requests per second and CPU microseconds per request of one round of wrk; `script` is Lua, with what it is told behind it."""
    before = server.cpu()
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if header:
        command += ["-H", header]
    if script:
        command += ["-s", script[0]]
    command += [f"http://127.0.0.1:{server.port}{path}", *([] if script is None else ["--", *script[1:]])]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu() - before
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"the load met errors:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    return rate, spent / requests * 1e6, requests
