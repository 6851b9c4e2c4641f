"""`bench/run peers`: what a logged-in request costs elsewhere, from published packages, each as its documentation sets it up, with one
session. Every one is a process on the server's core and stands beside a bare axum route that answers as many bytes, in turns."""

import os
import statistics
import subprocess
import sys
import tempfile

from . import build, rows
from .process import Server, as_long, free_port, load, symbolon
from .requests import credentials

HERE = os.path.join(build.ROOT, "bench", "peers")
# Bytes of a body, about as many as ours answers.
BODY = 420


def installed():
    """Installs them into the build folder; how to start each, given a port and the bytes of a body."""
    to = os.path.join(build.ROOT, "target", "peers")
    os.makedirs(to, exist_ok=True)
    quietly = dict(check=True, stdout=subprocess.DEVNULL)
    node = os.path.join(to, "node")
    subprocess.run(["cp", "-r", os.path.join(HERE, "node") + "/.", node], check=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=node, **quietly)
    django = os.path.join(to, "django")
    subprocess.run([sys.executable, "-m", "venv", django], check=True)
    subprocess.run([f"{django}/bin/pip", "install", "-q", "-r", os.path.join(HERE, "django", "requirements.txt")], **quietly)
    gunicorn = [f"{django}/bin/gunicorn", "--chdir", "{folder}", "--pythonpath", os.path.join(HERE, "django")]
    gunicorn += ["-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "4", "--keep-alive", "60", "--control-socket", "{folder}/control", "app:application"]
    axum = os.path.join(to, "axum")
    cargo = ["cargo", "build", "--release", "--locked", "--target-dir", axum]
    subprocess.run(cargo, cwd=os.path.join(HERE, "axum"), check=True)
    login = os.path.join(axum, "release", "peer-axum-login")
    return {
        "axum-login, memory store": [login, "memory", "{port}", "{bytes}"],
        "axum-login, SQLite store": [login, "sqlite", "{port}", "{bytes}"],
        "express-session, memory store": ["node", os.path.join(node, "express.js"), "{port}", "{bytes}"],
        "better-auth, memory adapter": ["node", os.path.join(node, "better-auth.js"), "{port}", "{bytes}"],
        "Django sessions, SQLite, gunicorn": gunicorn,
    }


def measure(options):
    target = build.release("symbolon-server", "bench-bare")
    build.package("wrk", "wrk")
    bare = os.path.join(target, "bench-bare")

    def ours(folder):
        server = symbolon(os.path.join(target, "symbolon"), folder)
        return server, credentials(server)["cookie"]

    def of(name, command):
        return lambda folder: elsewhere(name, command, folder)

    found = [beside_bare("Symbolon", ours, bare, options)]
    return found + [beside_bare(name, of(name, command), bare, options) for name, command in installed().items()]


def elsewhere(name, command, folder):
    """A server of somebody else's, and the header of a session there."""
    port = free_port()
    command = [part.format(port=port, bytes=BODY, folder=folder) for part in command]
    peer = Server(command, port, "/v1/me", folder, {"BYTES": str(BODY), "NODE_ENV": "production"})
    return peer, f"Cookie: {log_in(peer, name)}"


def beside_bare(name, start, bare, options):
    with tempfile.TemporaryDirectory() as folder:
        peer, header = start(folder)
        beside = None
        try:
            beside = as_long(bare, peer.answer_bytes("/v1/me", header), header, folder)
            rates = {peer: [], beside: []}
            for number in range((options.rounds or 5) + 1):
                for target, measured in rates.items():
                    rate = load(target, options.seconds, options.connections, header)[0]
                    # The first one warms up.
                    measured += [rate] if number else []
            mine, its = (statistics.median(rates[target]) for target in (peer, beside))
            return rows.at_least(f"{name}: a logged-in request", mine, "requests/s", its, None, 0)
        finally:
            for running in filter(None, [peer, beside]):
                running.stop()


def log_in(peer, name):
    """The cookie of a session."""
    if name.startswith("better-auth"):
        account = {"email": "bench@example.org", "name": "bench", "password": "nine amber lanterns drift"}
        status, body, headers = peer.call("POST", "/api/auth/sign-up/email", account, {"origin": f"http://127.0.0.1:{peer.port}"})
    else:
        status, body, headers = peer.call("POST", "/login")
    assert status in (200, 204), (name, status, body[:300])
    return "; ".join(cookie.split(";")[0] for cookie in headers.get_all("set-cookie"))
