"""Tokens of a running server, verified with PyJWT through the server's key set as any application would.

SYMBOLON_URL is where the server is, SYMBOLON_ALG what it signs with. Prints `ok NAME` or `not ok NAME` for each test.
"""

import base64
import json
import os
import sys
import urllib.request

import jwt

URL = os.environ["SYMBOLON_URL"]
ALGORITHM = os.environ["SYMBOLON_ALG"]
PASSWORD = "walnut lantern over quarry"


def post(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


with urllib.request.urlopen(URL + "/.well-known/oauth-authorization-server") as answer:
    METADATA = json.load(answer)
ISSUER = METADATA["issuer"]
KEYS = jwt.PyJWKClient(METADATA["jwks_uri"])
USER = post("/v1/users", {"identifier": "python", "password": PASSWORD})
TOKEN = post("/v1/tokens", {"identifier": "python", "password": PASSWORD})["access_token"]


def verify(token, **more):
    key = KEYS.get_signing_key_from_jwt(token).key
    options = {"require": ["exp", "iat", "iss", "aud", "sub", "jti"]}
    return jwt.decode(token, key, **{"algorithms": [ALGORITHM], "issuer": ISSUER, "audience": ISSUER, "options": options, **more})


def refused(token, **more):
    try:
        verify(token, **more)
    except jwt.exceptions.PyJWTError:
        return
    raise AssertionError(f"accepted: {token}")


def a_token_verifies():
    assert jwt.get_unverified_header(TOKEN)["typ"] == "at+jwt"
    claims = verify(TOKEN)
    assert claims["sub"] == USER["id"] and claims["amr"] == ["pwd"], claims


def a_tampered_one_does_not():
    head, payload, signature = TOKEN.split(".")
    claims = jwt.decode(TOKEN, options={"verify_signature": False})
    flipped = bytearray(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    flipped[7] ^= 1
    bent = base64.urlsafe_b64encode(bytes(flipped)).decode().rstrip("=")
    refused(f"{head}.{encode({**claims, 'sub': 'admin'})}.{signature}")
    refused(f"{head}.{payload}.{bent}")
    refused(f"{head}.{payload}.")
    refused(f"{encode({'alg': 'none', 'typ': 'at+jwt'})}.{payload}.")


def nor_does_one_for_somebody_else():
    refused(TOKEN, audience="https://other.example.com")
    refused(TOKEN, issuer="https://other.example.com")
    refused(TOKEN, algorithms=["HS256"])


failed = False
for test in (a_token_verifies, a_tampered_one_does_not, nor_does_one_for_somebody_else):
    name = test.__name__.replace("_", " ")
    try:
        test()
        print(f"ok {name}")
    except Exception as error:
        failed = True
        print(f"not ok {name}: {error!r}")
sys.exit(failed)
