// /assets/client.js on a page of another origin, in one tab and in ten.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { PASSWORD, elsewhere, launch, register, serve, watched } from "./harness.js";

let browser, server, nonces, app;
before(async () => {
  [browser, app] = await Promise.all([launch(), elsewhere("<title>application</title>")]);
  const cors = `[cors]\norigins = ["${app.origin}"]\n`;
  server = await serve({ settings: `${cors}[token]\nrefresh_grace = "1s"` });
  nonces = await serve({ settings: `${cors}[dpop]\nnonces = true` });
});
after(() => Promise.all([browser?.close(), server?.stop(), nonces?.stop(), app?.stop()]));

/** A page of the application with a client of `options` in `window.auth`. */
async function tab(context, options = {}, at = server) {
  const page = await context.newPage();
  await open(page, options, at);
  return page;
}

async function open(page, options = {}, at = server) {
  if (page.url() !== `${app.origin}/`) await page.goto(`${app.origin}/`);
  await page.evaluate(
    async ([issuer, options]) => {
      const { createClient } = await import(`${issuer}/assets/client.js`);
      window.changes = 0;
      window.auth = createClient({ issuer, onChange: () => (window.changes += 1), ...options });
    },
    [at.origin, options],
  );
}

async function person(name, options, at = server) {
  const { context } = await watched(browser, [server.origin, nonces.origin, app.origin]);
  await register(await context.newPage(), at.origin, name);
  const page = await tab(context, options, at);
  await login(page, name);
  return { context, page };
}

const login = (page, name) => page.evaluate((whom) => window.auth.login(whom), { identifier: name, password: PASSWORD });
const state = (page) => page.evaluate(() => window.auth.state());
/** Status of `GET /v1/me` through the client, or the code of what it threw. */
const me = (page, at = server) =>
  page.evaluate((url) => window.auth.fetch(url).then((answer) => answer.status, (error) => error.code ?? error.message), `${at.origin}/v1/me`);
/** Makes the client believe that its access token is over. */
const age = (page) =>
  page.evaluate(() => {
    for (const place of [localStorage, sessionStorage]) {
      for (const name of Object.keys(place)) {
        const record = JSON.parse(place.getItem(name));
        place.setItem(name, JSON.stringify({ ...record, expires: 0 }));
      }
    }
  });

test("it is an ES module of at most 250 lines without dependencies", () => {
  const text = readFileSync(new URL("../../crates/axum/assets/client.js", import.meta.url), "utf8");
  assert.ok(text.split("\n").length <= 251, "250 lines and the end of the last");
  assert.ok(!/^import /m.test(text) && !/\beval\(|new Function/.test(text));
});

test("each storage keeps a login as long as it says", async () => {
  for (const [storage, reload, second] of [
    ["memory", false, false],
    ["session", true, false],
    ["local", true, true],
    ["cookie", true, true],
  ]) {
    const { context, page } = await person(`keeps-${storage}`, { storage });
    assert.equal(await me(page), 200, storage);
    const other = await tab(context, { storage });
    assert.equal((await state(other)).loggedIn, second, `${storage}: in another tab`);
    await page.reload();
    await open(page, { storage });
    assert.equal((await state(page)).loggedIn, reload, `${storage}: after a reload`);
    assert.equal(await me(page), reload ? 200 : "no_session", storage);
    await context.close();
  }
});

test("ten tabs refresh once, and none is logged out", async () => {
  const options = { storage: "local" };
  const { context, page } = await person("tabs", options);
  const tabs = [page, ...(await Promise.all(Array.from({ length: 9 }, () => tab(context, options))))];
  let refreshes = 0;
  await context.route("**/oauth/token", (route) => {
    refreshes += route.request().method() === "POST" ? 1 : 0;
    return route.continue();
  });
  for (let round = 1; round <= 3; round += 1) {
    await age(page);
    const answers = await Promise.all(tabs.map((each) => me(each)));
    assert.deepEqual(answers, Array(10).fill(200));
    assert.equal(refreshes, round, "one refresh for all of them");
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // over the grace time: a used token would be theft
  }
  await context.close();
});

test("a reply that gets lost costs nothing", async () => {
  const { context, page } = await person("lost", { storage: "local" });
  let lost = 0;
  await context.route("**/oauth/token", async (route) => {
    if (route.request().method() !== "POST" || lost > 0) return route.continue();
    lost += 1;
    await route.fetch(); // the server moves on, and nobody hears of it
    return route.abort();
  });
  await age(page);
  assert.equal(await me(page), 200);
  assert.equal(lost, 1);
  await context.close();
});

test("a server out of reach logs nobody out", async () => {
  const { context, page } = await person("offline", { storage: "local" });
  await context.route("**/oauth/token", (route) => route.abort());
  await age(page);
  assert.equal(await me(page), "unreachable");
  assert.equal((await state(page)).loggedIn, true);
  await context.unroute("**/oauth/token");
  assert.equal(await me(page), 200);
  await context.close();
});

test("a tab whose token was used up reads again before it calls itself logged out", async () => {
  const { context, page } = await person("stale", { storage: "local" });
  // What a tab without the lock would do: it moves on while this one asks.
  await context.route("**/oauth/token", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await page.evaluate(() => {
      const name = Object.keys(localStorage)[0];
      const record = JSON.parse(localStorage.getItem(name));
      localStorage.setItem(name, JSON.stringify({ ...record, refresh: "ref_newer", expires: Date.now() + 60_000 }));
    });
    return route.fulfill({
      status: 400,
      headers: { "access-control-allow-origin": app.origin, "content-type": "application/json" },
      body: JSON.stringify({ error: "invalid_grant", error_description: "x" }),
    });
  });
  await age(page);
  assert.equal(await me(page), 200, "the other tab's tokens are used");
  assert.equal((await state(page)).loggedIn, true);
  await context.close();
});

test("what the server ended is over in every tab", async () => {
  const { context, page } = await person("ended", { storage: "local" });
  const other = await tab(context, { storage: "local" });
  await page.evaluate(
    async (issuer) => {
      const token = await window.auth.token();
      await fetch(`${issuer}/v1/sessions`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
    },
    server.origin,
  );
  assert.equal(await me(page), "no_session");
  assert.equal((await state(other)).loggedIn, false);
  assert.ok((await other.evaluate(() => window.changes)) > 0, "the other tab was told");
  await context.close();
});

test("logout ends the session, or, without the server, what this browser knows of it", async () => {
  const { context, page } = await person("logout", { storage: "local" });
  const other = await tab(context, { storage: "local" });
  const token = await page.evaluate(() => window.auth.token());
  assert.equal(await page.evaluate(() => window.auth.logout()), true);
  assert.equal((await state(page)).loggedIn, false);
  assert.equal((await state(other)).loggedIn, false);
  const answer = await fetch(`${server.origin}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 401, "ended at the server");
  await login(page, "logout");
  await context.route(`${server.origin}/**`, (route) => route.abort());
  assert.equal(await page.evaluate(() => window.auth.logout()), false, "not ended, and it says so");
  assert.equal((await state(page)).loggedIn, false);
  await context.close();
});

test("a stateless login lasts as long as its token, and a logout ends that", async () => {
  const { context, page } = await person("stateless", { storage: "local", mode: "stateless" });
  assert.deepEqual(await state(page), { loggedIn: true, session: null });
  assert.equal(await me(page), 200);
  let asked = 0;
  await context.route("**/oauth/token", (route) => void (asked += 1, route.continue()));
  await age(page);
  assert.equal(await me(page), "no_session");
  assert.deepEqual([(await state(page)).loggedIn, asked], [false, 0], "there is nothing to renew it with");
  await login(page, "stateless");
  const token = await page.evaluate(() => window.auth.token());
  assert.equal(await page.evaluate(() => window.auth.logout()), true);
  const answer = await fetch(`${server.origin}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 401);
  await context.close();
});

test("tokens can be had anew before their time", async () => {
  const { context, page } = await person("anew", { storage: "local" });
  const before = await page.evaluate(() => window.auth.token());
  await page.evaluate(() => window.auth.renew());
  assert.notEqual(await page.evaluate(() => window.auth.token()), before);
  assert.equal(await me(page), 200);
  await context.close();
});

test("tokens go to the issuer and to nobody who was not named", async () => {
  const { context, page } = await person("leak", { storage: "memory" });
  const thrown = await page.evaluate((url) => window.auth.fetch(url).catch((error) => error.name), `${app.origin}/api`);
  assert.equal(thrown, "TypeError");
  assert.equal(await page.evaluate(() => window.auth.fetch("/relative").catch((error) => error.name)), "TypeError");
  let seen = null;
  await context.route(`${app.origin}/api`, (route) => {
    seen = route.request().headers().authorization;
    return route.fulfill({ status: 204 });
  });
  await open(page, { storage: "memory", apis: [app.origin] });
  await login(page, "leak");
  await page.evaluate((url) => window.auth.fetch(url), `${app.origin}/api`);
  assert.match(seen, /^Bearer ey/);
  await context.close();
});

test("a renewal by password goes on with its successor, in all tabs", async () => {
  const { context, page } = await person("renew", { storage: "local" });
  const other = await tab(context, { storage: "local" });
  const before = (await state(page)).session;
  await page.evaluate((password) => window.auth.confirm({ password }), PASSWORD);
  assert.notEqual((await state(page)).session, before);
  assert.equal(await me(other), 200);
  const next = "eleven slow barges drift by";
  await page.evaluate((passwords) => window.auth.changePassword(passwords), { current: PASSWORD, next });
  assert.equal(await me(other), 200);
  const wrong = await page.evaluate(() => window.auth.confirm({ password: "no" }).catch((error) => [error.code, error.status]));
  assert.deepEqual(wrong, ["invalid_credentials", 401]);
  assert.equal((await state(page)).loggedIn, true);
  await context.close();
});

test("bound tokens: a key that no script reads, shared by tabs, with nonces and without", async () => {
  for (const [at, name] of [[server, "bound"], [nonces, "bound-nonces"]]) {
    const options = { storage: "local", dpop: true };
    const { context, page } = await person(name, options, at);
    assert.equal(await me(page, at), 200);
    const other = await tab(context, options, at);
    assert.equal(await me(other, at), 200, "another tab has the key");
    await age(page);
    assert.equal(await me(page, at), 200, "refreshed with the key");
    await page.reload();
    await open(page, options, at);
    assert.equal(await me(page, at), 200, "and after a reload");
    const token = await page.evaluate(() => window.auth.token());
    const stolen = await fetch(`${at.origin}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(stolen.status, 401, "worth nothing without it");
    const extractable = await page.evaluate(async () => {
      const opening = indexedDB.open("symbolon", 1);
      await new Promise((resolve) => (opening.onsuccess = resolve));
      const asked = opening.result.transaction("keys").objectStore("keys").getAll();
      await new Promise((resolve) => (asked.onsuccess = resolve));
      return asked.result.map((pair) => pair.privateKey.extractable);
    });
    assert.deepEqual(extractable, [false]);
    assert.equal(await page.evaluate(() => window.auth.logout()), true);
    assert.equal(await me(other, at), "no_session");
    await context.close();
  }
});
