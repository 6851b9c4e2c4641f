"""Where fuzzing begins: `seeds.py TARGET FOLDER VECTORS` writes inputs that get far, one a file. The vectors may be absent."""

import base64
import hashlib
import json
import pathlib
import sys

target, folder, vectors = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
CLAIMS = {
    "iss": "i", "sub": "01905a3c-1111-7222-8333-444455556666", "aud": "a", "exp": 1700000300, "iat": 1700000000,
    "jti": "01905a3c-1111-7222-8333-444455556667", "client_id": "c", "sid": "01905a3c-1111-7222-8333-444455556668", "gen": 3,
    "amr": ["pwd"], "auth_time": 1700000000, "scope": "a b", "cnf": {"jkt": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}, "x": [{}],
}
EC = {"kty": "EC", "crv": "P-256", "use": "sig", "kid": "k", "alg": "ES256", "key_ops": ["verify"],
      "x": "TdVOL8FWnMxY_zE-9MoGVKe22yEmvI9YgBfe-8C3iqc", "y": "tkw-lgRmyxd2cQewNj5iRVpaMStpaZTXDY8RQ-Y_8F8"}
OKP = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
PROOF = {"jti": "-BwC3ESc6acc2lTc", "htm": "GET", "htu": "https://id.example/v1/me?x=%2f#y", "iat": 1700000000, "nonce": "n",
         "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJpIiwiYXVkIjoiYSIsImV4cCI6MTcwMDAwMDMwMH0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def inside(value):
    """Every text and object in a vector file."""
    if isinstance(value, (dict, list)):
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from inside(one)
    elif isinstance(value, str):
        yield value


found = list(inside([json.loads(path.read_text()) for path in sorted(vectors.glob("**/*.json")) if path.stat().st_size < 3_000_000]))
pems = sorted((pathlib.Path(__file__).parent / "../crates/token/tests/pem").glob("*.pem"))
if target == "token":
    seeds = [TOKEN, json.dumps(CLAIMS), json.dumps(CLAIMS, separators=(",", ":"))]
    seeds += [one for one in found if isinstance(one, str) and one.count(".") == 2 and len(one) < 5000]
elif target == "jwk":
    seeds = [json.dumps(one) for one in (EC, OKP, {"keys": [EC, OKP]})]
    seeds += [json.dumps(one) for one in found if isinstance(one, dict) and ("kty" in one or "keys" in one)]
elif target == "proof":
    headers = [{"typ": "dpop+jwt", "alg": alg, "jwk": jwk} for alg, jwk in (("ES256", EC), ("EdDSA", OKP), ("Ed25519", OKP))]
    seeds = [json.dumps(one) for one in (PROOF, *headers)] + [json.dumps({**PROOF, "htu": url}) for url in ("HTTPS://ID.example:443", "/")]
    seeds += [".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in (header, PROOF)) + "." + 86 * "A"
              for header in headers]
    seeds += [one for one in found if isinstance(one, str) and one.count(".") == 2 and len(one) < 5000]
else:
    seeds = [path.read_text() for path in pems]
    seeds += [one for one in found if isinstance(one, str) and one.startswith("-----BEGIN ")]
for seed in seeds[:2000]:
    (folder / hashlib.sha256(seed.encode()).hexdigest()[:20]).write_text(seed)
