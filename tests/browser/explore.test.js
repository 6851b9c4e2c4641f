// /explore: both journeys fill with real requests, and what was ended is refused before the visitor's eyes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, screenshots, serve, watched } from "./harness.js";

let browser, server;
before(async () => {
  [browser, server] = await Promise.all([launch(), serve({ dev: true })]);
});
after(() => Promise.all([browser?.close(), server?.stop()]));

const STEPS = ["register", "login", "me", "refresh", "devices", "logout", "again"];

async function step(page, name) {
  const button = page.locator(`[data-step="${name}"]`);
  const before = await page.locator("#diagram > *").count();
  await button.click();
  await page.waitForFunction((count) => document.querySelectorAll("#diagram > *").length > count, before);
  await page.waitForFunction((name) => !document.querySelector("#explore").matches('[aria-busy="true"]') && !!name, name);
}

test("both journeys, click by click", async () => {
  const { context, faults } = await watched(browser, [server.origin], { viewport: { width: 1280, height: 1000 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(`${server.origin}/explore`);
  for (const name of STEPS) {
    await step(page, name);
    await page.waitForFunction(() => [...document.querySelectorAll("[data-step]")].some((button) => !button.disabled));
    if (name === "login") {
      // What the window shows by itself; docs/explore.png is a copy.
      await page.screenshot({ path: `${screenshots}/explore-window.png` });
      await page.screenshot({ path: `${screenshots}/explore-login.png`, fullPage: true });
    }
  }
  const text = await page.locator("#diagram").evaluate((node) => node.textContent);
  for (const expected of ["POST /v1/users", "POST /v1/sessions", "POST /v1/tokens", "POST /oauth/token", "POST /oauth/revoke", "GET /v1/me", "HttpOnly", "SameSite=Lax", "401", "204"]) {
    assert.ok(text.includes(expected), `the diagrams show ${expected}`);
  }
  assert.deepEqual(faults, []);
  await page.screenshot({ path: `${screenshots}/explore.png`, fullPage: true });
});

test("the token is really kept where the visitor picks", async () => {
  for (const [place, survives] of [["memory", false], ["session", true], ["local", true], ["cookie", true]]) {
    const { context } = await watched(browser, [server.origin]);
    const page = await context.newPage();
    await page.goto(`${server.origin}/explore`);
    await page.locator(`input[name="place"][value="${place}"]`).check();
    await step(page, "register");
    await step(page, "login");
    await page.waitForFunction(() => /\./.test(document.getElementById("token-reads").textContent));
    await page.reload();
    const kept = await page.evaluate(() =>
      [...Object.values({ ...sessionStorage }), ...Object.values({ ...localStorage }), document.cookie].some((text) => /eyJ/.test(text)),
    );
    assert.equal(kept, survives, place);
    await context.close();
  }
});

test("without --dev there is no such page", async () => {
  const plain = await serve();
  const answer = await fetch(`${plain.origin}/explore`);
  assert.equal(answer.status, 404);
  await plain.stop();
});
