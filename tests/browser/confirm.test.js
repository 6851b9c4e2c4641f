// Step-up, as people meet it: a page that wants a login of late asks for the password, and goes on where they wanted to be.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, launch, register, screenshots, serve, watched } from "./harness.js";

// Long enough to do what one came for, short enough to be waited for.
const FRESH = 'session.fresh = "4s"';

let browser, server;
before(async () => {
  [browser, server] = await Promise.all([launch(), serve({ settings: FRESH })]);
});
after(() => Promise.all([browser?.close(), server?.stop()]));

/** Asks for a page until the login is too old for it. */
async function untilAsked(page, path) {
  const until = Date.now() + 30_000;
  do {
    await page.goto(server.origin + path);
    if (new URL(page.url()).pathname === "/confirm") return;
  } while (Date.now() < until);
  assert.fail(`${path} never asks for the password`);
}

async function confirm(page, password) {
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForLoadState();
}

for (const javaScriptEnabled of [true, false]) {
  test(`a login that grew old is asked for the password and goes on, ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const { origin } = server;
    const { context, faults } = await watched(browser, [origin], { javaScriptEnabled, viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await register(page, origin, javaScriptEnabled ? "ada" : "bea");
    await page.goto(`${origin}/account/grants`);
    await page.getByLabel("Name of the job").waitFor();
    const session = async () => (await context.cookies()).find((cookie) => cookie.name === "symbolon");
    const before = await session();

    await untilAsked(page, "/account/grants");
    assert.equal(new URL(page.url()).searchParams.get("next"), "/account/grants");
    await page.screenshot({ path: `${screenshots}/confirm.png`, fullPage: true });
    await confirm(page, "not the password at all");
    assert.equal(new URL(page.url()).pathname, "/confirm");
    assert.equal(await page.getByRole("alert").count(), 1, "it says that this was not the password");
    assert.equal(await page.locator('input[type="password"]').inputValue(), "", "cr_38: the password is never echoed");
    assert.deepEqual(await session(), before, "ck_18: a confirmation that fails changes nothing");

    await confirm(page, PASSWORD);
    assert.equal(new URL(page.url()).pathname, "/account/grants", "and it goes on where one wanted to be");
    await page.getByLabel("Name of the job").waitFor();
    assert.notEqual((await session()).value, before.value, "ck_03: with a successor");
    const held = await watched(browser, [origin], { javaScriptEnabled });
    await held.context.addCookies([before]);
    const copy = await held.context.newPage();
    await copy.goto(`${origin}/account`);
    assert.equal(new URL(copy.url()).pathname, "/login", "ck_03: a copy of its predecessor opens nothing");
    assert.deepEqual([...faults, ...held.faults], []);
    await Promise.all([context.close(), held.context.close()]);
  });
}

test("ht_05: confirm leads to nobody else, and to the account when it was asked for by itself", async () => {
  const { origin } = server;
  const { context, faults } = await watched(browser, [origin]);
  const page = await context.newPage();
  await register(page, origin, "grace");
  for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", ""]) {
    await page.goto(`${origin}/confirm?next=${encodeURIComponent(next)}`);
    await confirm(page, PASSWORD);
    assert.equal(page.url(), `${origin}/account`, next);
  }
  assert.deepEqual(faults, []);
  await context.close();
});

test("who is not logged in confirms by a login, and is asked once", async () => {
  const { origin } = server;
  const { context } = await watched(browser, [origin]);
  const page = await context.newPage();
  await register(page, origin, "mary");
  await context.clearCookies();
  await page.goto(`${origin}/account/grants`);
  assert.equal(new URL(page.url()).pathname, "/login");
  await page.getByLabel("Username or e-mail").fill("mary");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(`${origin}/account/grants`);
  await context.close();
});
