"""GET /v1/me by bearer with thousands of tokens, all of them seen before, beside a bare axum route that answers as many bytes."""

import http.client
import json
import os
import statistics
import tempfile

from . import build, rows
from .process import as_long, load, symbolon
from .requests import ACCOUNT

TOKENS = 10_000
GOAL = 0.85
ROUNDS = 5
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bearers.lua")


def measure(options):
    target = build.release("symbolon-server", "bench-bare")
    build.package("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        server = symbolon(os.path.join(target, "symbolon"), folder, token__access_life="1h")
        try:
            file = os.path.join(folder, "tokens")
            tokens = issued(server)
            with open(file, "w") as lines:
                lines.writelines(f"{token}\n" for token in tokens)
            length = server.answer_bytes("/v1/me", f"Authorization: Bearer {tokens[0]}")
            bare = as_long(os.path.join(target, "bench-bare"), length, f"Authorization: Bearer {tokens[0]}", folder)
            try:
                return in_turns(server, bare, file, options)
            finally:
                bare.stop()
        finally:
            server.stop()


def issued(server):
    """So many access tokens of one session, each with an id of its own."""
    status, _, _ = server.call("POST", "/v1/users", ACCOUNT)
    assert status == 201, status
    status, _, headers = server.call("POST", "/v1/sessions", ACCOUNT)
    assert status == 201, status
    own = {"cookie": headers.get_all("set-cookie")[0].split(";")[0], "sec-fetch-site": "same-origin", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    tokens = []
    for _ in range(TOKENS):
        connection.request("POST", "/v1/sessions/current/token", "{}", own)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        tokens.append(json.loads(body)["access_token"])
    assert len(set(tokens)) == TOKENS
    return tokens


def in_turns(server, bare, file, options):
    runs, rounds = {"ours": server, "bare": bare}, {"ours": [], "bare": []}
    # Long enough to have shown every token once.
    for target in runs.values():
        requests = load(target, 3, options.connections, script=(SCRIPT, file))[2]
        assert requests > TOKENS, f"{requests} requests show no {TOKENS} tokens"
    for _ in range(ROUNDS):
        for name, target in runs.items():
            rounds[name].append(load(target, options.seconds, options.connections, script=(SCRIPT, file)))
    rate, bare_rate = (statistics.median(one[0] for one in rounds[name]) for name in ["ours", "bare"])
    name = f"GET /v1/me by bearer, {TOKENS:,} tokens seen before (requests/s)"
    return [{**rows.at_least(name, rate, "requests/s", bare_rate, GOAL), "beside": "bare axum"}]
