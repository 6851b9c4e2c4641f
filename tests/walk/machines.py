"""What runs in the walk: PostgreSQL, nodes, nginx, each in a folder of its own, and on addresses of a loopback network of its own."""

import os
import pwd
import random
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

BINARY = os.environ["SYMBOLON_BIN"]
# 127.N.0.x stands for the network 10.0.0.x of the document.
NETWORK = f"127.{random.randrange(16, 250)}.0."
ISSUER_HOST = "login.example.com"


def wait_for(what, ask, seconds=60):
    """Asks until the answer is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def run(*command, **more):
    done = subprocess.run(command, text=True, capture_output=True, **more)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


class Postgres:
    """A cluster, run by whoever may, since root may not."""

    def __init__(self, folder):
        self.binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]
        self.folder = folder
        folder.mkdir()
        self.user = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None
        if self.user is not None:
            os.chown(folder, self.user, -1)
        self.port = free_port()
        self("initdb", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth=trust", folder / "data")
        options = f"-k {folder} -h 127.0.0.1 -p {self.port}"
        self("pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o", options)
        place = ["-h", folder, "-p", self.port, "-U", "postgres"]
        self("createuser", *place, "symbolon")
        # The very words of the document.
        self("createdb", *place, "--owner=symbolon", "--encoding=UTF8", "--template=template0", "symbolon")
        self.url = f"postgres://symbolon@127.0.0.1:{self.port}/symbolon?sslmode=disable"

    def __call__(self, binary, *arguments):
        with (self.folder / "out").open("w") as out:
            done = subprocess.run([self.binaries / binary, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=out, user=self.user, cwd="/", check=False)
        assert done.returncode == 0, f"{binary}: {(self.folder / 'out').read_text()}"

    def stop(self):
        self("pg_ctl", "stop", "-m", "immediate", "-D", self.folder / "data")


class Node:
    """A machine with the binary: its files, and its process while it has one."""

    def __init__(self, folder, address, settings, secrets, **environment):
        self.address, self.folder, self.process = address, folder, None
        (folder / "etc").mkdir(parents=True)
        (folder / "data").mkdir(mode=0o700)
        (folder / "etc/symbolon.toml").write_text(settings)
        for name, secret in secrets.items():
            (folder / "etc" / name).touch(mode=0o600)
            (folder / "etc" / name).write_text(secret)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SYMBOLON_")}
        self.environment |= {f"SYMBOLON_{name.upper()}": value for name, value in environment.items()}

    def places(self):
        """Where the document's paths are on this machine."""
        return {"/etc/symbolon": str(self.folder / "etc"), "/var/lib/symbolon": str(self.folder / "data")}

    def start(self):
        with (self.folder / "log").open("a") as log:
            command = [BINARY, "serve", "--config", self.folder / "etc/symbolon.toml"]
            self.process = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
        wait_for(f"{self.address} to be ready\n{self.log()[-2000:]}", lambda: self.status("/readyz") == 200)

    def status(self, path, **headers):
        """The status of an answer; None where nobody answers."""
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        try:
            return urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def ended(self):
        """Waits for its end; whether that was in good order, with nothing cut off."""
        code, self.process = self.process.wait(timeout=60), None
        return code == 0 and self.log().rstrip().splitlines()[-1].count('"cut_off":0') == 1

    def log(self):
        return (self.folder / "log").read_text()

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Nginx:
    """nginx with the document's site in a configuration that holds nothing else of interest."""

    def __init__(self, folder, site):
        self.folder = folder
        folder.mkdir()
        (folder / "site.conf").write_text(site)
        temporary = "".join(
            f"  {kind}_temp_path {folder}/{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        (folder / "nginx.conf").write_text(
            ("user root;\n" if os.geteuid() == 0 else "")
            + f"daemon off; pid {folder}/pid; error_log {folder}/error.log notice;\nevents {{}}\n"
            + f"http {{\n{temporary}  log_format walk '$status|$upstream_addr|$upstream_status|$request';\n"
            + f"  access_log {folder}/access.log walk;\n  include {folder}/site.conf;\n}}\n")
        command = [shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
        run(*command, "-t")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def answered(self):
        """Its access log: status, the nodes it asked, what they said, the request."""
        return [line.split("|") for line in (self.folder / "access.log").read_text().splitlines()]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    import socket
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
