// Tokens of a running server, verified with `jose` through the server's key set as any application would.
// SYMBOLON_URL is where the server is, SYMBOLON_ALG what it signs with.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";

const url = process.env.SYMBOLON_URL;
const algorithm = process.env.SYMBOLON_ALG;
let issuer, keys, access, stateless, user;

const post = async (path, body, type = "application/json") => {
  const answer = await fetch(url + path, { method: "POST", headers: { "content-type": type }, body });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return text && JSON.parse(text);
};
const verify = (token, options = {}) =>
  jwtVerify(token, keys, { issuer, audience: issuer, typ: "at+jwt", algorithms: [algorithm], ...options });
const login = (more) =>
  post("/v1/tokens", JSON.stringify({ identifier: "node", password: "walnut lantern over quarry", ...more }));

before(async () => {
  // Everything an application needs to know is in the metadata.
  const metadata = await (await fetch(`${url}/.well-known/oauth-authorization-server`)).json();
  issuer = metadata.issuer;
  keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  user = await post("/v1/users", JSON.stringify({ identifier: "node", password: "walnut lantern over quarry" }));
  access = await login({});
  stateless = await login({ mode: "stateless" });
});

test("an access token verifies and says whose it is", async () => {
  const { payload, protectedHeader } = await verify(access.access_token);
  assert.equal(protectedHeader.alg, algorithm);
  assert.equal(payload.sub, user.id);
  assert.equal(payload.sid, access.session_id);
  assert.deepEqual(payload.amr, ["pwd"]);
  assert.equal(payload.exp - payload.iat, access.expires_in);
});

test("a stateless one verifies too, and has no session", async () => {
  const { payload } = await verify(stateless.access_token);
  assert.equal(payload.sub, user.id);
  assert.equal(payload.sid, undefined);
});

test("after a refresh the next one verifies", async () => {
  const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: access.refresh_token });
  const next = await post("/oauth/token", form.toString(), "application/x-www-form-urlencoded");
  const { payload } = await verify(next.access_token);
  assert.equal(payload.sid, access.session_id);
});

test("a tampered one does not: header, payload, signature", async () => {
  const parts = access.access_token.split(".");
  const claims = JSON.parse(Buffer.from(parts[1], "base64url"));
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const flipped = Buffer.from(parts[2], "base64url");
  flipped[7] ^= 1;
  for (const bent of [
    [parts[0], encode({ ...claims, sub: "admin" }), parts[2]],
    [parts[0], encode({ ...claims, exp: claims.exp + 3600 }), parts[2]],
    [parts[0], parts[1], flipped.toString("base64url")],
    [parts[0], parts[1], ""],
    [encode({ ...decodeProtectedHeader(access.access_token), extra: 1 }), parts[1], parts[2]],
  ]) {
    await assert.rejects(verify(bent.join(".")), errors.JOSEError);
  }
  const none = [encode({ alg: "none", typ: "at+jwt" }), parts[1], ""].join(".");
  await assert.rejects(verify(none), errors.JOSEError);
});

test("nor does a good one for somebody else's purpose", async () => {
  const token = access.access_token;
  await assert.rejects(verify(token, { audience: "https://other.example.com" }), errors.JWTClaimValidationFailed);
  await assert.rejects(verify(token, { issuer: "https://other.example.com" }), errors.JWTClaimValidationFailed);
  await assert.rejects(verify(token, { typ: "JWT" }), errors.JWTClaimValidationFailed);
  await assert.rejects(verify(token, { algorithms: ["HS256"] }), errors.JOSEAlgNotAllowed);
  await assert.rejects(verify(token, { currentDate: new Date(Date.now() + 600_000) }), errors.JWTExpired);
});
