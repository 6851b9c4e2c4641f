"""`bench/run http`: GET /v1/me by cookie and by bearer, beside a bare axum route that answers as many bytes, in turns."""

import json
import os
import statistics
import tempfile

from . import build, rows
from .process import as_long, load, symbolon

ACCOUNT = {"identifier": "bench", "password": "nine amber lanterns drift"}


def measure(options):
    target = build.release("symbolon-server", "bench-bare")
    build.package("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        server = symbolon(os.path.join(target, "symbolon"), folder)
        bares = {}
        try:
            carriers = credentials(server)
            for name, header in carriers.items():
                bares[name] = as_long(os.path.join(target, "bench-bare"), server.answer_bytes("/v1/me", header), header, folder)
            return in_turns(server, bares, carriers, options)
        finally:
            for running in [server, *bares.values()]:
                running.stop()


def credentials(server):
    status, _, _ = server.call("POST", "/v1/users", ACCOUNT)
    assert status == 201, status
    status, _, headers = server.call("POST", "/v1/sessions", ACCOUNT)
    assert status == 201, status
    cookie = headers.get_all("set-cookie")[0].split(";")[0]
    _, body, _ = server.call("POST", "/v1/tokens", {**ACCOUNT, "mode": "stateless"})
    return {"cookie": f"Cookie: {cookie}", "bearer": f"Authorization: Bearer {json.loads(body)['access_token']}"}


def in_turns(server, bares, carriers, options):
    """Both answer the same requests, credential and all."""
    runs = {}
    for name, header in carriers.items():
        runs[name] = (server, header)
        runs[f"bare {name}"] = (bares[name], header)
    for target, header in runs.values():
        load(target, 1, options.connections, header)
    rounds = {name: [] for name in runs}
    for _ in range(options.rounds or 5):
        for name, (target, header) in runs.items():
            rounds[name].append(load(target, options.seconds, options.connections, header))
    median = {name: [statistics.median(column) for column in zip(*results)] for name, results in rounds.items()}
    found = []
    for name in carriers:
        (rate, cpu, _), (bare_rate, bare_cpu, _) = median[name], median[f"bare {name}"]
        found.append(rows.at_least(f"GET /v1/me by {name}", rate, "requests/s", bare_rate, {"cookie": 0.7}.get(name)))
        found.append(rows.at_least(f"GET /v1/me by {name}, server CPU", cpu, "µs/request", bare_cpu, None))
    return found
