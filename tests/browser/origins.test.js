// What a page of another origin can do: read answers to its own tokens where it is listed, and nothing by cookie.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, elsewhere, launch, register, serve, watched } from "./harness.js";

let browser, server, listed, unlisted;
before(async () => {
  [browser, listed, unlisted] = await Promise.all([launch(), elsewhere("<title>listed</title>"), elsewhere("<title>unlisted</title>")]);
  server = await serve({ settings: `[cors]\norigins = ["${listed.origin}"]` });
});
after(() => Promise.all([browser?.close(), server?.stop(), listed?.stop(), unlisted?.stop()]));

const tryFetch = (page, url, options) =>
  page.evaluate(
    ([url, options]) => fetch(url, options).then(async (answer) => ({ status: answer.status, body: await answer.text() }), () => "blocked"),
    [url, options],
  );

test("a listed origin logs in by token, reads, refreshes and logs out", async () => {
  const { context } = await watched(browser, [server.origin, listed.origin]);
  const page = await context.newPage();
  await register(page, server.origin, "cors");
  await page.goto(listed.origin);
  const json = { "content-type": "application/json" };
  const body = JSON.stringify({ identifier: "cors", password: PASSWORD });
  const tokens = await tryFetch(page, `${server.origin}/v1/tokens`, { method: "POST", headers: json, body });
  assert.equal(tokens.status, 201);
  const { access_token, refresh_token } = JSON.parse(tokens.body);
  const bearer = { authorization: `Bearer ${access_token}` };
  assert.equal((await tryFetch(page, `${server.origin}/v1/me`, { headers: bearer })).status, 200);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const refresh = { method: "POST", headers: form, body: `grant_type=refresh_token&refresh_token=${refresh_token}` };
  assert.equal((await tryFetch(page, `${server.origin}/oauth/token`, refresh)).status, 200);
  assert.equal((await tryFetch(page, `${server.origin}/v1/sessions/current`, { method: "DELETE", headers: bearer })).status, 204);
  const refused = await tryFetch(page, `${server.origin}/v1/me`, { headers: bearer });
  assert.equal(refused.status, 401, "cs_18: the refusal can be read too");
});

test("cs_17: an unlisted origin reads nothing", async () => {
  const { context } = await watched(browser, [server.origin, unlisted.origin]);
  const page = await context.newPage();
  await page.goto(unlisted.origin);
  assert.equal(await tryFetch(page, `${server.origin}/v1/me`, { headers: { authorization: "Bearer x" } }), "blocked");
  assert.equal(await tryFetch(page, `${server.origin}/v1/me`, {}), "blocked");
  assert.equal((await tryFetch(page, `${server.origin}/.well-known/jwks.json`, {})).status, 200, "public documents are public");
});

test("a listed origin reads nothing by cookie", async () => {
  const { context } = await watched(browser, [server.origin, listed.origin]);
  const page = await context.newPage();
  await register(page, server.origin, "cookie");
  await page.goto(listed.origin);
  assert.equal(await tryFetch(page, `${server.origin}/v1/me`, { credentials: "include" }), "blocked");
});

test("cs_01 cs_14: a form of another site changes nothing", async () => {
  const { context } = await watched(browser, [server.origin, unlisted.origin]);
  const page = await context.newPage();
  await register(page, server.origin, "victim");
  for (const path of ["/logout", "/account/sessions/end-all", "/account/delete"]) {
    await page.goto(unlisted.origin);
    await page.setContent(`<form method="post" action="${server.origin}${path}"><button>win</button></form>`);
    const [answer] = await Promise.all([page.waitForNavigation(), page.getByRole("button").click()]);
    assert.equal(answer.status(), 403, path);
  }
  await page.goto(`${server.origin}/account`);
  assert.equal(new URL(page.url()).pathname, "/account", "still logged in");
});

test("cs_11: another site cannot log a visitor in", async () => {
  const owner = await watched(browser, [server.origin]);
  await register(await owner.context.newPage(), server.origin, "attacker");
  const { context } = await watched(browser, [server.origin, unlisted.origin]);
  const page = await context.newPage();
  await page.goto(unlisted.origin);
  await page.setContent(
    `<form method="post" action="${server.origin}/login"><input name="identifier" value="attacker">
     <input name="password" value="${PASSWORD}"><button>win</button></form>`,
  );
  const [answer] = await Promise.all([page.waitForNavigation(), page.getByRole("button").click()]);
  assert.equal(answer.status(), 403);
  assert.deepEqual(await context.cookies(server.origin), []);
});

test("wp_05: no page can be framed", async () => {
  const { context } = await watched(browser, [server.origin, unlisted.origin]);
  const page = await context.newPage();
  await page.goto(unlisted.origin);
  await page.setContent(`<iframe src="${server.origin}/login"></iframe>`);
  const frame = page.frames().find((frame) => frame !== page.mainFrame());
  await frame.waitForLoadState();
  assert.equal(await frame.locator("form").count(), 0);
});
