"""`bench/run storm`: logins against checks. The server, 64 clients that log in without pause and a client that checks a session as fast as
it can share all cores of the machine; so a gain of one is a loss of the others.

- calm: `GET /v1/me` by cookie alone.
- storm: the same while the 64 clients log in, each over a connection of its own, with the right password.
- logins alone: the 64 clients and no checks, beside cores ÷ time of one hash.
- one hash: `bench-hash`, in process, beside the crate argon2.
"""

import functools
import json
import operator
import os
import re
import statistics
import subprocess
import tempfile
import time

from . import build
from .process import symbolon
from .rows import at_least, at_most

CLIENTS = 64
PASSWORD = "nine amber lanterns drift"
# Seconds of each part of a round.
PART = 5
# What one thread hashes in, MiB.
ARENA = 19
# wrk turns the script's requests around on each connection: every login another account.
LOGINS = """
local number = 0
function request()
  number = number + 1
  local body = string.format('{"identifier":"user%%d","password":"%s"}', number %% %d)
  return wrk.format("POST", "/v1/sessions", { ["content-type"] = "application/json" }, body)
end
""" % (PASSWORD, CLIENTS)


def measure(options):
    target = build.release("symbolon-server", "bench-storm")
    build.package("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "logins.lua")
        with open(script, "w") as file:
            file.write(LOGINS)
        server = symbolon(os.path.join(target, "symbolon"), folder, pinned=False, throttle__registrations=100)
        try:
            return table(*in_turns(server, script, os.path.join(target, "bench-hash"), options))
        finally:
            server.stop()


def wrk(server, connections, *arguments):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{PART}s", "--timeout", "30s", "--latency", *arguments]
    return subprocess.Popen([*command, f"http://127.0.0.1:{server.port}/v1/me"], stdout=subprocess.PIPE, text=True)


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if found is None:
        # Nobody was answered.
        return float("inf")
    number, unit = found.groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def result(process):
    """Answers per second that were 2xx, how many were not, and the 99th percentile in ms."""
    out, _ = process.communicate()
    bad = sum(int(found) for found in re.findall(r"Non-2xx or 3xx responses: (\d+)", out))
    if "Socket errors" in out:
        raise SystemExit(f"the load met errors:\n{out}")
    total, took = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    p99 = milliseconds(re.search(r"99%\s+(\S+)", out)[1])
    return (int(total) - bad) / float(took), bad, p99


def in_turns(server, script, hashing, options):
    """What hashes cost, rounds, and MiB resident before, at most in a storm, and after."""
    for number in range(CLIENTS):
        status, _, _ = server.call("POST", "/v1/users", {"identifier": f"user{number}", "password": PASSWORD})
        assert status == 201, status
    status, _, headers = server.call("POST", "/v1/sessions", {"identifier": "user0", "password": PASSWORD})
    assert status == 201, status
    cookie = "Cookie: " + headers.get_all("set-cookie")[0].split(";")[0]
    checks = lambda: wrk(server, options.connections, "-H", cookie)
    logins = lambda: wrk(server, CLIENTS, "-s", script)
    memory = lambda: server.resident() / 2**20
    result(checks())
    before, peak = memory(), 0.0
    hashes = []
    rounds = {"calm": [], "storm": [], "logins in it": [], "logins alone": []}
    for _ in range(options.rounds or 3):
        hashes.append(json.loads(subprocess.run([hashing], capture_output=True, text=True, check=True).stdout))
        rounds["calm"].append(result(checks()))
        both = checks(), logins()
        while any(process.poll() is None for process in both):
            peak = max(peak, memory())
            time.sleep(0.1)
        rounds["storm"].append(result(both[0]))
        rounds["logins in it"].append(result(both[1]))
        rounds["logins alone"].append(result(logins()))
    # By then the arenas are given back.
    time.sleep(12)
    return hashes, rounds, before, peak, memory()


def table(hashes, rounds, before, peak, after):
    hashing = lambda *names: statistics.median(functools.reduce(operator.getitem, names, told) for told in hashes)
    median = {name: [statistics.median(column) for column in zip(*results)] for name, results in rounds.items()}
    refused = sum(bad for _, bad, _ in rounds["calm"] + rounds["storm"])
    one = hashing("ours", "wall")
    bound = hashing("cores") * 1000 / one
    calm, storm = median["calm"], median["storm"]
    p99 = at_least("checks in the storm, p99", storm[2], "ms", calm[2], None)
    return [
        at_least("one hash, beside the crate argon2", one, "ms", hashing("argon2", "wall"), None),
        at_least("one hash, CPU", hashing("ours", "cpu"), "ms", hashing("argon2", "cpu"), None),
        at_least("hashes on every core at once, beside cores ÷ one hash", hashing("every_core"), "/s", bound, None),
        at_least("checks in the storm, beside calm", storm[0], "/s", calm[0], 0.40),
        {**p99, "goal": "≤ 2", "holds": p99["ratio"] <= 2},
        at_most("checks refused", refused, "", 0),
        {**at_most("logins in the storm", median["logins in it"][0], "/s", 0), "goal": "≥ 70 /s", "holds": median["logins in it"][0] >= 70},
        at_least("logins alone, beside cores ÷ one hash", median["logins alone"][0], "/s", bound, 0.90),
        at_most("growth in the storm", peak - before, "MiB", hashing("cores") * ARENA),
        at_least("memory 12 s later, beside before", after, "MiB", before, None),
    ]
