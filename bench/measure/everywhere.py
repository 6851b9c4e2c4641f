"""`bench/run everywhere`: two nodes over a PostgreSQL of their own, a service with a guard, and who logs in, checks and revokes there.
The programs are `bench/everywhere`."""

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from . import build, plots, rows
from .process import Server, free_port, load, symbolon
from .requests import credentials

ISSUER = "http://127.0.0.1:7117"
# Seconds.
LEASE, MARGIN = 3.0, 0.06
REVOKED = 1_000_000
# Of the installation: hashing and limits are not what is measured.
SETTINGS = dict(
    server__issuer=ISSUER,
    password__unsafe_argon2_m=8,
    password__unsafe_argon2_t=1,
    password__hashing_queue=1000,
    throttle__lookups=1_000_000,
    throttle__registrations=1_000_000,
    throttle__unsafe_account_tries=100_000,
    throttle__unsafe_address_tries=100_000,
)


def say(what):
    print(f"… {what}", file=sys.stderr, flush=True)


class Database:
    """A PostgreSQL that ends with this process."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "database"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = self.answer()
        self.name, self.url, self.usual = told["name"], told["url"], told["usual"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the database is gone")
        return json.loads(line)

    def tell(self, line):
        """Tells it to do something, and does not wait."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class World:
    """What one part of the measurement runs in. A node keeps its port when it comes back."""

    def __init__(self, binaries, folder, database):
        self.binaries, self.folder, self.database = binaries, folder, database
        self.ports = [free_port(), free_port()]
        self.nodes = [self.node(0), self.node(1)]
        self.secret = self.client("orders", "revocations,check,introspect")
        self.guard = self.start_guard()

    def environment(self):
        settings = dict(SETTINGS, store__url=self.database.url, master_key="8d1f62c47ab09e35d6f8013b5ce7492a90b4d3e61f7a285cc0de137b84f6a95e")
        return {f"SYMBOLON_{name.upper().replace('__', '_')}": str(value) for name, value in settings.items()}

    def node(self, number):
        place = os.path.join(self.folder, f"node{number}")
        os.makedirs(place, exist_ok=True)
        command = [self.binaries["symbolon"], "serve", "--data", os.path.join(place, "data"), "--listen", f"127.0.0.1:{self.ports[number]}"]
        return Server(command, self.ports[number], "/readyz", place, self.environment(), pinned=False)

    def client(self, name, scopes):
        place = os.path.join(self.folder, "node0")
        command = [self.binaries["symbolon"], "client", "add", name, "--scope", scopes, "--data", os.path.join(place, "data")]
        added = subprocess.run(command, cwd=place, env={**os.environ, **self.environment()}, capture_output=True, text=True)
        if added.returncode:
            raise SystemExit(added.stderr)
        return added.stdout.strip()

    def start_guard(self):
        port = free_port()
        nodes = [f"http://127.0.0.1:{port}" for port in self.ports]
        command = [self.binaries["bench-everywhere"], "guard", ISSUER, self.secret, f"127.0.0.1:{port}", *nodes]
        return Server(command, port, "/readyz", self.folder, pinned=False)

    def places(self):
        return [f"127.0.0.1:{port}" for port in [*self.ports, self.guard.port]]

    def begin(self, *arguments):
        return subprocess.Popen([self.binaries["bench-everywhere"], *map(str, arguments)], stdout=subprocess.PIPE, text=True)

    def run(self, *arguments):
        return ended(self.begin(*arguments))

    def kill(self, number):
        node = self.nodes[number].process
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def stop(self):
        for running in [self.guard, *self.nodes]:
            running.stop()


def ended(running):
    out, _ = running.communicate()
    if running.returncode:
        raise SystemExit("a measuring program failed")
    return json.loads(out)


def in_a_world(part):
    """Two nodes, a guard and a database of their own for a part of the measurement."""

    def run(binaries, options):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-bench-"))
            database = Database(binaries["bench-everywhere"])
            stack.callback(database.stop)
            world = World(binaries, folder, database)
            stack.callback(world.stop)
            return part(world, options)

    return run


@in_a_world
def revoking(world, options):
    """Rounds, the death of a node, and as many as possible."""
    say(f"{options.count:,} rounds")
    told = world.run("rounds", options.count, *world.places())
    once = f"revoke call, 2 nodes and a guard, {options.count:,} rounds"
    found = [
        rows.at_most(f"{once}: p50", told["revoke"]["p50"], "ms", 10),
        rows.at_most(f"{once}: p99", told["revoke"]["p99"], "ms", 50),
        rows.at_most(f"{once}: accepted after it returned, of {3 * options.count:,} checks", told["accepted"], "checks", 0),
        rows.at_most(f"{once}: answered by neither yes nor no", told["unanswered"], "checks", 0),
    ]
    say("a node dies and returns")
    running = world.begin("lag", 30, *world.places())
    time.sleep(5)
    killed = time.time()
    world.kill(1)
    time.sleep(12)
    started = time.time()
    world.nodes[1] = world.node(1)
    back = time.time()
    told = ended(running)
    if options.plot:
        events = [(killed, "a node is killed"), (started, "it is started again")]
        plots.over_time(told["points"], events, "How long a revoke call takes while one of two nodes dies and returns", options.plot)
    # What was begun before the node was ready again, and long enough before its death to be over by then.
    held = [took / 1e3 for at, took in told["points"] if killed - 0.05 <= at < back]
    late = [took / 1e3 for at, took in told["points"] if killed + LEASE + MARGIN < at < back]
    found += [
        rows.at_most("revoke call while a node is dead: longest", max(held), "s", LEASE + MARGIN + 0.05),
        rows.at_most(f"the same, begun {LEASE + MARGIN:.2f} s after its death or later: longest", 1e3 * max(late), "ms", 50),
        rows.at_most("the same: accepted after a revoke returned", told["accepted"], "checks", 0),
    ]
    say("as many as possible")
    rounds = [world.run("rate", 10_000, 32, world.places()[0]) for _ in range(options.rounds or 3)]
    rate = statistics.median(one["rate"] for one in rounds)
    return [*found, rows.no_less("revocations per second, 32 callers on one node", rate, "revocations/s", 2_000)]


@in_a_world
def beside_the_usual(world, options):
    """A check by a guard, and by the usual ways."""
    say("the usual ways")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    redis = subprocess.Popen(command, cwd=world.folder, stdout=subprocess.DEVNULL)
    try:
        told = world.run("beside", ISSUER, world.secret, world.places()[0], f"127.0.0.1:{port}", world.database.usual)
    finally:
        redis.terminate()
        redis.wait()
    names = {"redis": "a Redis read per request", "postgres": "a PostgreSQL read per request", "introspection": "introspection per request (RFC 7662)"}
    found = []
    for way, name in names.items():
        found += [
            rows.at_least(f"{name}: a check, beside a guard's", told[way]["micros"], "µs", told["guard"]["micros"], None),
            rows.at_least(f"{name}: 32 callers, beside a guard", told[way]["rate"], "checks/s", told["guard"]["rate"], None, 0),
        ]
    return found


@in_a_world
def outage(world, _):
    """The database goes away for two seconds under load, and comes back."""
    say("the database is away")
    running = world.begin("outage", 14, *world.places())
    time.sleep(3)
    away = world.database.ask("away 2")
    told = ended(running)
    print(json.dumps(told["answers"]), file=sys.stderr)
    for wrong in told["wrong"][:10]:
        print(f"wrong: {wrong}", file=sys.stderr)
    last = (told["last_503"] or away["back"]) - away["back"]
    answers = sum(told["answers"].values())
    name = f"PostgreSQL away for {away['back'] - away['gone']:.1f} s under load"
    return [
        rows.at_most(f"{name}: wrong answers of {answers:,}", len(told["wrong"]), "answers", 0),
        rows.at_most(f"{name}: the last 503 after its return", max(last, 0), "s", 3),
    ]


@in_a_world
def at_rest(world, _):
    """Statements of two nodes with a guard, and nobody who asks for anything."""
    say("at rest")
    world.database.ask("configure shared_preload_libraries = 'pg_stat_statements'")
    world.database.ask("sql postgres CREATE EXTENSION pg_stat_statements")
    # Until nobody looks for the database any more, and what was under way is done.
    time.sleep(8)
    of_ours = f"FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = '{world.database.name}'"
    count = lambda: int(world.database.ask(f"sql postgres SELECT coalesce(sum(calls), 0) {of_ours}"))
    before, began = count(), time.monotonic()
    time.sleep(30)
    rate = (count() - before) / (time.monotonic() - began) / len(world.nodes)
    return [rows.at_most("database statements per node at rest, a guard attached", rate, "statements/s", 3)]


@in_a_world
def remembering(world, _):
    """Checks by a guard, before and while it remembers a million revocations, and what it remembers them in."""
    say("checks by a guard, in process")
    found = checks(world, 1.0)
    say(f"{REVOKED:,} revocations")
    before = world.guard.resident()
    appended = (
        f"UPDATE log_head SET head = head + {REVOKED}; INSERT INTO log (seq, kind, id, generation, forget_at) "
        "SELECT h.head - g, 'session', gen_random_uuid()::text, NULL, extract(epoch FROM now())::bigint + 86400 "
        f"FROM log_head h, generate_series(0, {REVOKED} - 1) g"
    )
    world.database.ask(f"sql {world.database.name} {appended}")
    began = time.monotonic()
    while json.loads(world.guard.call("GET", "/standing")[1])["ended"] < REVOKED:
        if time.monotonic() > began + 120:
            raise SystemExit("the guard did not hear of them")
        time.sleep(0.2)
    grown = (world.guard.resident() - before) / 2**20
    return [*found, rows.at_most(f"guard: memory for {REVOKED:,} live revocations", grown, "MiB", 64), *checks(world)]


def checks(world, goal=None):
    """Of tokens and cookies that a guard has seen before, over whatever it remembers."""
    told = world.run("check", ISSUER, world.secret, world.places()[0])
    found = []
    for name in ["token", "cookie"]:
        text = f"guard: check by {name} in process, {told[name + 's']:,} seen before, {told['ended']:,} revocations remembered"
        found.append(rows.at_most(text, told[name], "µs", goal))
        if goal:
            found.append(rows.at_most("the same: allocations", told[f"{name}_allocations"], "", 0))
            found.append(rows.at_most("the same: calls to network or database", told["asked"], "", 0))
    return found


def against_sqlite(binaries, options):
    """The same check by the same binary over the two stores, in turns."""
    say("a check over either store")
    with contextlib.ExitStack() as stack:
        database = Database(binaries["bench-everywhere"])
        stack.callback(database.stop)
        checked, rates = {}, {}
        for store, settings in {"sqlite": {}, "postgres": {"store__url": database.url}}.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-bench-"))
            node = symbolon(binaries["symbolon"], folder, **settings)
            stack.callback(node.stop)
            checked[store], rates[store] = (node, credentials(node)["cookie"]), []
        for number in range((options.rounds or 5) + 1):
            for store, (node, header) in checked.items():
                rate = load(node, options.seconds, options.connections, header)[0]
                # The first one warms up.
                rates[store] += [rate] if number else []
    ours, its = (statistics.median(rates[store]) for store in ["postgres", "sqlite"])
    return [rows.at_least("check on a node over PostgreSQL, beside one over sqlite", ours, "requests/s", its, 0.95)]


def measure(options):
    target = build.release("symbolon-server", "bench-everywhere")
    for command, package in {"wrk": "wrk", "redis-server": "redis-server", "/usr/lib/postgresql": "postgresql"}.items():
        if not os.path.isdir(command):
            build.package(command, package)
    binaries = {name: os.path.join(target, name) for name in ["symbolon", "bench-everywhere"]}
    found = []
    for part in [revoking, against_sqlite, at_rest, remembering, outage, beside_the_usual]:
        found += part(binaries, options)
    return found
