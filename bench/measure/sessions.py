"""`bench/run sessions`: the table "Sessions" of docs/BENCHMARKS.md. Needs about 10 GB of disk for a while, in `--folder`."""

import json
import os
import subprocess
import sys
import tempfile

from . import build, checks, starts
from .process import SERVER_CORE

MANY = 10_000_000
# Cookies of them that are shown for the measure of a miss.
SHOWN = 100_000


def measure(options):
    target = build.release("symbolon-server", "bench-bare", "bench-store")
    build.package("wrk", "wrk")
    binaries = {name: os.path.join(target, name) for name in ["symbolon", "bench-bare", "bench-seed", "bench-store"]}
    rows = []
    for part in [in_http, in_process, in_a_large_store]:
        rows += part(binaries, options)
    return rows


def folder(options):
    return tempfile.TemporaryDirectory(dir=options.folder, prefix="symbolon-bench-")


def say(what):
    print(f"… {what}", file=sys.stderr, flush=True)


def in_http(binaries, options):
    say("idle")
    rows = starts.idle(binaries)
    with folder(options) as place:
        say("a million sessions over HTTP")
        rows = checks.measure(binaries, place, options) + rows
    with folder(options) as place:
        say("what checks write")
        rows += checks.writes(binaries, place, options)
    return rows


def in_process(binaries, options):
    with folder(options) as place:
        say("checks in process")
        file = checks.seeded(binaries, place, 1_000, checks.SESSIONS, checks.SESSIONS, checks.IN_USE)
        rows = store(binaries, "check", os.path.join(place, "data"), file)
    with folder(options) as place:
        say("sessions created")
        checks.seeded(binaries, place, 1_000_000, 1, 1, 1)
        return rows + store(binaries, "create", os.path.join(place, "data"), str(options.seconds * 6))


def in_a_large_store(binaries, options):
    with folder(options) as place:
        say("ten million sessions in the store")
        file = checks.seeded(binaries, place, 1_000_000, MANY, SHOWN, 1)
        rows = starts.full(binaries, place, MANY)
        return rows + store(binaries, "miss", os.path.join(place, "data"), file, pinned=True)


def store(binaries, *arguments, pinned=False):
    command = [*(["taskset", "-c", SERVER_CORE] if pinned else []), binaries["bench-store"], *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
