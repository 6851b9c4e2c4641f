// Register → log in → devices → log out, as people do it: with scripts, without, by keyboard, on a phone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, launch, login, register, screenshots, serve, watched } from "./harness.js";

let browser, server;
before(async () => {
  [browser, server] = await Promise.all([launch(), serve()]);
});
after(() => Promise.all([browser?.close(), server?.stop()]));

test("register, see the devices, end the other one, log out: the old cookie opens nothing", async () => {
  const { origin } = server;
  const desk = await watched(browser, [origin]);
  const phone = await watched(browser, [origin], { viewport: { width: 390, height: 844 } });
  const page = await desk.context.newPage();
  await register(page, origin, "ada");
  assert.match(await page.locator("h1").first().innerText(), /\S/);

  const other = await phone.context.newPage();
  await login(other, origin, "ada");
  await other.waitForURL(`${origin}/account**`);
  await other.screenshot({ path: `${screenshots}/account-phone.png`, fullPage: true });

  await page.goto(`${origin}/account/sessions`);
  assert.equal(await page.locator(".device").count(), 2);
  await page.screenshot({ path: `${screenshots}/devices.png`, fullPage: true });
  await page.getByRole("button", { name: /^End the login of/ }).click();
  await page.waitForURL(/done=ended/);
  assert.equal(await page.locator(".device").count(), 1);
  assert.equal(await page.getByRole("status").count(), 1, "the page says what just happened");

  const answer = await other.goto(`${origin}/account`);
  assert.equal(new URL(other.url()).pathname, "/login", "the ended device must log in again");
  assert.equal(answer.status(), 200);

  const copy = await desk.context.cookies();
  await page.goto(`${origin}/account/sessions`);
  await page.getByRole("button", { name: "Log out", exact: true }).first().click();
  await page.waitForLoadState();
  assert.deepEqual((await desk.context.cookies()).map((cookie) => cookie.name), ["symbolon-known"]);
  await page.goBack();
  await page.reload();
  assert.equal(new URL(page.url()).pathname, "/login", "ck_06: the back button opens nothing");
  await desk.context.addCookies(copy);
  await page.goto(`${origin}/account`);
  assert.equal(new URL(page.url()).pathname, "/login", "ck_06: a copy of the cookie opens nothing");
  assert.deepEqual([...desk.faults, ...phone.faults], []);
});

test("everything works without scripts", async () => {
  const { origin } = server;
  const { context, faults } = await watched(browser, [origin], { javaScriptEnabled: false });
  const page = await context.newPage();
  await register(page, origin, "grace");
  await page.goto(`${origin}/account`);
  await page.locator('input[name="name"]').fill("Grace <b>H</b>");
  await page.locator('form[action$="/account/profile"] button').click();
  await page.waitForURL(/done=profile/);
  assert.equal(await page.locator('input[name="name"]').inputValue(), "Grace <b>H</b>", "wp_01: text stays text");
  const next = "eleven calm otters drift";
  await page.locator('input[name="current"]').fill(PASSWORD);
  await page.locator('input[name="new"]').fill(next);
  if (await page.locator('input[name="again"]').count()) await page.locator('input[name="again"]').fill(next);
  await page.locator('form[action$="/account/password"] button').click();
  await page.waitForURL(/done=password/);
  await page.goto(`${origin}/logout`);
  await page.getByRole("button", { name: "Log out" }).first().click();
  await login(page, origin, "grace", PASSWORD);
  assert.equal(await page.getByRole("alert").count(), 1, "the old password is refused, and the page says so");
  assert.equal(await page.locator('input[name="password"]').inputValue(), "", "cr_38: the password is never echoed");
  await login(page, origin, "grace", next);
  await page.waitForURL(`${origin}/account**`);
  assert.deepEqual(faults, []);
});

test("a keyboard is enough to log in", async () => {
  const { origin } = server;
  const { context } = await watched(browser, [origin]);
  const page = await context.newPage();
  await register(page, origin, "mary");
  await context.clearCookies();
  await page.goto(`${origin}/login`);
  await page.keyboard.type("mary");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${origin}/account**`);
});

test("the cookie is what the contract says, and scripts cannot read it", async () => {
  const { origin } = server;
  const { context } = await watched(browser, [origin]);
  const page = await context.newPage();
  await register(page, origin, "joan");
  const cookies = await context.cookies();
  const session = cookies.find((cookie) => cookie.name === "symbolon");
  assert.equal(session.httpOnly, true);
  assert.equal(session.sameSite, "Lax");
  assert.equal(session.path, "/");
  assert.match(session.value, /^ses_[A-Za-z0-9_-]{64}$/);
  assert.equal(await page.evaluate(() => document.cookie), "");
});

test("pages look as they should in light and dark, wide and narrow", async () => {
  const { origin } = server;
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [390, 1280]) {
      const { context, faults } = await watched(browser, [origin], { colorScheme, viewport: { width, height: 900 } });
      const page = await context.newPage();
      for (const path of ["/", "/login", "/register", "/nothing-here"]) {
        await page.goto(origin + path);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${path} is ${overflow} px too wide at ${width}`);
        const name = path === "/" ? "home" : path.slice(1);
        await page.screenshot({ path: `${screenshots}/${name}-${colorScheme}-${width}.png` });
      }
      assert.deepEqual(faults, []);
      await context.close();
    }
  }
});
