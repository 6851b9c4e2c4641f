// The JavaScript of docs/TOKENS.md, as tests/jose/snippets.py took it out, against tokens of a running server.
// SYMBOLON_URL is where the server is, SYMBOLON_SNIPPETS the folder with snippet.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";

const url = process.env.SYMBOLON_URL;
const { verify } = await import(`${process.env.SYMBOLON_SNIPPETS}/snippet.mjs`);

const post = async (path, body) => {
  const answer = await fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return answer.json();
};

test("the snippet of the document takes a token and no bent one", async () => {
  const ada = { identifier: "snippet-js", password: "walnut lantern over quarry" };
  const user = await post("/v1/users", ada);
  const { access_token: token } = await post("/v1/tokens", ada);
  assert.equal((await verify(token)).sub, user.id);
  const [head, payload, signature] = token.split(".");
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  for (const bent of [
    `${head}.${encode({ ...claims, sub: "admin" })}.${signature}`,
    `${head}.${payload}.`,
    `${encode({ alg: "none", typ: "at+jwt" })}.${payload}.`,
  ]) {
    await assert.rejects(verify(bent));
  }
});
