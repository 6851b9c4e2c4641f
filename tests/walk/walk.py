"""The walk of docs/OPERATIONS.md, "Many nodes": see `run`."""

import secrets
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path

from documents import block, moved
from machines import BINARY, ISSUER_HOST, NETWORK, Nginx, Node, Postgres, run, wait_for
from people import PASSWORD, Crowd, checks, comes_and_goes, refreshes, straight_to, through

NODES = 3
# Longer than the few milliseconds that it takes to look, shorter than a reader would set it.
DELAY = 1.0
passed = 0


def ok(what):
    global passed
    passed += 1
    print(f"ok {what}", flush=True)


def begin(node):
    """What people have with the first node: what is live, and what was ended."""
    door = straight_to(node.address)
    for name in ["ada", "ben", "cleo"]:
        answer = door.ask("POST", "/v1/users", body={"identifier": name, "password": PASSWORD})
        assert answer.status == 201, answer
    login = {"identifier": "ada", "password": PASSWORD}
    chain = door.ask("POST", "/v1/tokens", body=login).json()
    alone = door.ask("POST", "/v1/tokens", body=login | {"mode": "stateless"}).json()
    cookie, gone = door.login("ada").cookie, door.login("ada").cookie
    assert door.ask("DELETE", "/v1/sessions/current", cookie=gone).status == 204
    ended = door.ask("POST", "/v1/tokens", body=login | {"mode": "stateless"}).json()["access_token"]
    assert door.ask("DELETE", "/v1/sessions/current", token=ended).status == 204
    live = [{"cookie": cookie}, {"token": chain["access_token"]}, {"token": alone["access_token"]}]
    dead = [{"cookie": gone}, {"token": ended}]
    assert all(door.me(**shown).status == 200 for shown in live)
    return live, dead, chain["refresh_token"]


def holds(doors, live, dead):
    """Nobody is logged out, and nobody comes back."""
    for door in doors:
        for shown, status in [(shown, 200) for shown in live] + [(shown, 401) for shown in dead]:
            answer = door.me(**shown)
            assert answer.status == status, f"{shown}: {answer}"


def restarts(node, live, nginx):
    """A node stops and comes back, in the order that the document tells; then nginx takes it back."""
    answers = lambda: sum(by.split(", ")[-1] == node.address for _, by, *_ in nginx.answered())
    node.terminate()
    asked = time.monotonic()
    wait_for("the node to say that it is not ready", lambda: node.status("/readyz") == 503, DELAY)
    assert node.status("/v1/me", **{"Cookie": live["cookie"]}) == 200, "but it serves on"
    assert node.status("/healthz") == 200, "and it is alive"
    assert node.ended(), node.log()[-2000:]
    assert time.monotonic() - asked >= DELAY, "it waited for the delay"
    node.start()
    before = answers()
    wait_for("nginx to take the node back", lambda: answers() > before)


def walk(root, machines):
    key = secrets.token_hex(32)
    settings = block("Under systemd", "toml")
    first = root / "first"
    node = Node(first, f"{NETWORK}9:7117", moved(settings, {"/etc/symbolon": str(first / "etc"), "/var/lib/symbolon": str(first / "data")}),
                {"master.key": key}, server_listen=f"{NETWORK}9:7117")
    machines.append(node.kill)
    node.start()
    live, dead, refresh = begin(node)
    ok("people log in at one node over a file")

    postgres = Postgres(root / "postgres")
    machines.append(postgres.stop)
    (first / "etc/store.url").touch(mode=0o600)
    (first / "etc/store.url").write_text(postgres.url)
    node.terminate()
    assert node.ended(), node.log()[-2000:]
    many = block("Many nodes", "toml")
    (first / "etc/symbolon.toml").write_text(moved(many, node.places()))
    commands = block("Many nodes", "sh").splitlines()
    assert [shlex.split(line)[0] for line in commands] == ["systemctl", "symbolon"], commands
    began = time.monotonic()
    said = run(BINARY, *shlex.split(moved(commands[1], node.places()))[1:], env=node.environment)
    ok(f"the installation moves in {time.monotonic() - began:.1f} s: {said.split(',')[0].strip()}")

    nodes = []
    for number in range(1, NODES + 1):
        folder, address = root / f"node{number}", f"{NETWORK}1{number}:7117"
        places = {"10.0.0.11:7117": address, "10.0.0.10": "127.0.0.1"}
        places |= {"/etc/symbolon": str(folder / "etc"), "/var/lib/symbolon": str(folder / "data")}
        one = Node(folder, address, moved(many, places), {"master.key": key, "store.url": postgres.url}, server_drain_delay=f"{DELAY:g}s")
        machines.append(one.kill)
        one.start()
        nodes.append(one)
    holds([straight_to(one.address) for one in nodes], live, dead)
    ok("three nodes over the database know who is logged in, and who is not")

    certificate, private = root / f"{ISSUER_HOST}.pem", root / f"{ISSUER_HOST}.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={ISSUER_HOST}", "-addext", f"subjectAltName=DNS:{ISSUER_HOST}", "-keyout", private, "-out", certificate)
    site = moved(block("Many nodes", "nginx"), {"10.0.0.": NETWORK, "/etc/ssl": str(root), "listen 443 ssl": f"listen {NETWORK}10:8443 ssl"})
    nginx = Nginx(root / "nginx", site)
    machines.append(nginx.stop)
    door = through((f"{NETWORK}10", 8443), f"{NETWORK}99", certificate)

    def answers():
        try:
            return door.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    wait_for("nginx", answers)
    holds([door], live, dead)
    cookie = door.login("ben").cookie
    sessions = door.ask("GET", "/v1/sessions", cookie=cookie).json()["sessions"]
    assert sessions[0]["device"]["address"] == f"{NETWORK}99", sessions[0]
    ok("nginx leads to them, and they know whose requests they are")

    crowd = Crowd(door)
    for shown in live:
        crowd.sends(2, checks, shown)
    crowd.sends(1, refreshes, refresh)
    crowd.sends(1, comes_and_goes, "ben")
    crowd.sends(1, comes_and_goes, "cleo")
    try:
        wait_for("the crowd", lambda: crowd.asked > 200 or crowd.faults)
        for one in nodes:
            restarts(one, live[0], nginx)
            ok(f"{one.address} is not ready, then serves on, then ends in order, and comes back")
        before = crowd.asked
        wait_for("the crowd to go on", lambda: crowd.asked > before + 200 or crowd.faults)
    finally:
        crowd.stop()
    assert not crowd.faults, f"{len(crowd.faults)} of {crowd.asked}:\n" + "\n".join(crowd.faults[:10])
    assert crowd.asked > 1000, crowd.asked
    answered = nginx.answered()
    asked = {one.address: sum(one.address in line[1] for line in answered) for one in nodes}
    assert all(count > 100 for count in asked.values()), asked
    twice = sum("," in line[1] for line in answered)
    ok(f"{crowd.asked} requests during three restarts, none failed ({twice} came to another node, by nginx)")
    holds([door, *(straight_to(one.address) for one in nodes)], live, dead)
    for one in nodes:
        bad = [line for line in one.log().splitlines() if '"level":"ERROR"' in line or '"status":500' in line]
        assert not bad, bad[:5]
    ok("and at the end everybody is who they were")


def main():
    needed = {"nginx": shutil.which("nginx") or Path("/usr/sbin/nginx").exists(), "openssl": shutil.which("openssl"),
              "postgresql": list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))}
    missing = [package for package, there in needed.items() if not there]
    if missing:
        print(f"skipped: the walk to many nodes needs {', '.join(missing)} (apt-get install)")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    root, machines = Path(tempfile.mkdtemp(prefix="symbolon-walk-")), []
    # The database's user must reach its folder in there.
    root.chmod(0o711)
    failed = 0
    try:
        walk(root, machines)
    except Exception as error:
        failed = 1
        print(f"not ok: {type(error).__name__}: {error}")
        raise
    finally:
        for stop in reversed(machines):
            stop()
        shutil.rmtree(root, ignore_errors=True)
        print(f"{passed} passed, {failed} failed, 0 skipped", flush=True)
    return 0


sys.exit(main())
