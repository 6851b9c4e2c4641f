"""The Python of docs/TOKENS.md, as snippets.py took it out, against tokens of a running server. SYMBOLON_URL is where the server is,
SYMBOLON_SNIPPETS the folder with snippet.py."""

import base64
import json
import os
import sys
import urllib.request

sys.path.insert(0, os.environ["SYMBOLON_SNIPPETS"])
sys.dont_write_bytecode = True

import jwt  # noqa: E402
from snippet import verify  # noqa: E402

ADA = {"identifier": "snippet-py", "password": "walnut lantern over quarry"}


def post(path, body):
    request = urllib.request.Request(os.environ["SYMBOLON_URL"] + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


user = post("/v1/users", ADA)
token = post("/v1/tokens", ADA)["access_token"]
assert verify(token)["sub"] == user["id"]
head, payload, signature = token.split(".")
claims = jwt.decode(token, options={"verify_signature": False})
for bent in (
    f"{head}.{encode({**claims, 'sub': 'admin'})}.{signature}",
    f"{head}.{payload}.",
    f"{encode({'alg': 'none', 'typ': 'at+jwt'})}.{payload}.",
):
    try:
        verify(bent)
    except jwt.PyJWTError:
        continue
    sys.exit(f"accepted: {bent}")
print("ok the snippet of the document takes a token and no bent one")
