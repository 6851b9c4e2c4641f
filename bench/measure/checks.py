"""Checks over HTTP by many cookies, what a session in memory takes, and what checks write."""

import os
import re
import socket
import sqlite3
import statistics
import subprocess
import threading
import time

from . import rows
from .process import as_long, load, symbolon, told_to_operator

LUA = os.path.join(os.path.dirname(__file__), "cookies.lua")
SESSIONS, IN_USE = 1_000_000, 10_000
# Requests that are on their way at once while memory is filled.
AT_ONCE = 100


def seeded(binaries, folder, users, sessions, cookies, in_use):
    """An installation in `folder` with rows in it; the file with cookies."""
    symbolon(binaries["symbolon"], folder).stop()
    file = os.path.join(folder, "cookies")
    numbers = [str(number) for number in (users, sessions, cookies, in_use)]
    subprocess.run([binaries["bench-seed"], os.path.join(folder, "data"), *numbers, file], check=True)
    return file


def every(file, step):
    """Every so manieth cookie of a file, as a file."""
    chosen = f"{file}-{step}"
    with open(file) as all_of_them, open(chosen, "w") as some:
        some.writelines(line for at, line in enumerate(all_of_them) if at % step == 0)
    return chosen


def show_each_once(server, file):
    """Shows every cookie of a file to the server, which must take it; many on their way at once."""
    answered = re.compile(rb"HTTP/1\.1 200 ")
    with socket.create_connection(("127.0.0.1", server.port)) as connection, open(file) as cookies:
        while part := [line.strip() for _, line in zip(range(AT_ONCE), cookies)]:
            asked = "".join(f"GET /v1/me HTTP/1.1\r\nhost: a\r\ncookie: symbolon={cookie}\r\n\r\n" for cookie in part)
            connection.sendall(asked.encode())
            answer = b""
            while len(answered.findall(answer)) < len(part) or not answer.endswith(b"}"):
                received = connection.recv(1 << 20)
                assert received and b"HTTP/1.1 4" not in received, received[:300]
                answer += received


def measure(binaries, folder, options):
    file = seeded(binaries, folder, 1_000, SESSIONS, SESSIONS, IN_USE)
    in_use = every(file, SESSIONS // IN_USE)
    server = symbolon(binaries["symbolon"], folder)
    beside = None
    try:
        # What the users, the first requests and the store's cache of pages take is not the sessions'.
        show_each_once(server, every(file, 20))
        cached = lambda: told_to_operator(folder, "/v1/admin/status")["cached"]["sessions"]
        before, had = server.resident(), cached()
        show_each_once(server, file)
        # Activity of those in use is written within an interval, and its memory given back.
        time.sleep(6)
        more = cached() - had
        each = (server.resident() - before) / more
        found = [rows.at_most(f"memory for a session, of {more:,} in memory", each, "bytes", 200, 0)]
        with open(in_use) as cookies:
            header = f"Cookie: symbolon={cookies.readline().strip()}"
        beside = as_long(binaries["bench-bare"], server.answer_bytes("/v1/me", header), header, folder)
        script = (LUA, in_use, "symbolon")
        rounds = {"ours": [], "bare": []}
        for number in range((options.rounds or 5) + 1):
            for name, target in [("ours", server), ("bare", beside)]:
                measured = load(target, options.seconds, options.connections, script=script)
                # The first one warms up.
                rounds[name] += [measured[0]] if number else []
        ours, bare = statistics.median(rounds["ours"]), statistics.median(rounds["bare"])
        name = f"GET /v1/me by cookie, {SESSIONS:,} sessions live and in memory, {IN_USE:,} in use, beside a bare axum route"
        return [rows.at_least(name, ours, "requests/s", bare, 0.9, 0), *found]
    finally:
        for running in filter(None, [server, beside]):
            running.stop()


def writes(binaries, folder, options):
    """What a million checks of a thousand sessions write."""
    file = seeded(binaries, folder, 1_000, 1_000, 1_000, 1_000)
    database = os.path.join(folder, "data", "symbolon.db")
    with sqlite3.connect(database) as sql:
        sql.execute("CREATE TABLE bench_written (rows INTEGER)")
        sql.execute("INSERT INTO bench_written VALUES (0)")
        sql.execute(
            "CREATE TRIGGER bench_writes AFTER UPDATE OF last_seen ON sessions BEGIN UPDATE bench_written SET rows = rows + 1; END"
        )
    sql.close()
    server = symbolon(binaries["symbolon"], folder)
    try:
        commits, over = Commits(database), threading.Event()
        watching = threading.Thread(target=commits.watch, args=[over])
        watching.start()
        began, checks = time.monotonic(), 0
        while checks < 1_000_000 and time.monotonic() - began < 50:
            checks += load(server, 5, options.connections, script=(LUA, file, "symbolon"))[2]
        # The last of them are written within an interval.
        time.sleep(6)
        over.set()
        watching.join()
    finally:
        server.stop()
    sql = sqlite3.connect(database)
    (written,) = sql.execute("SELECT rows FROM bench_written").fetchone()
    sql.close()
    name = f"{checks:,} checks of 1,000 sessions within a minute"
    return [
        rows.at_most(f"{name}: rows written", written, "rows", 1_000, 0),
        rows.at_most(f"{name}: transactions", commits.count, "transactions", 60, 0),
    ]


class Commits:
    """Counts the commits of others, by looking often."""

    def __init__(self, database):
        self.database, self.count = database, 0

    def watch(self, over):
        sql = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        version = lambda: sql.execute("PRAGMA data_version").fetchone()[0]
        last = version()
        while not over.wait(0.005):
            seen = version()
            self.count, last = self.count + (seen != last), seen
        sql.close()
