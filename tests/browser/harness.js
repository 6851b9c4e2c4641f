// A server of the test's own, a browser, and a page of another origin.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const PASSWORD = "seven quiet herons wade";
export const screenshots = process.env.SCREENSHOTS;
mkdirSync(screenshots, { recursive: true });

// What Chromium must not do by itself on a machine without a network.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
}

/** Starts `symbolon serve`; `settings` is the text of its symbolon.toml. */
export async function serve({ dev = false, settings = "" } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "symbolon-browser-"));
  writeFileSync(join(folder, "symbolon.toml"), `${settings}\n`);
  const args = ["serve", "--data", join(folder, "data"), "--listen", "127.0.0.1:0", ...(dev ? ["--dev"] : [])];
  const child = spawn(process.env.SYMBOLON_BIN, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const origin = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      log += `${line}\n`;
      const found = /^Symbolon is at (\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${log}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      child.removeAllListeners("exit").on("exit", () => {
        rmSync(folder, { recursive: true, force: true });
        resolve();
      });
      child.kill("SIGTERM");
    });
  return { origin, stop };
}

/** A page of another site: `localhost`, where the server is `127.0.0.1`. `body` is its HTML. */
export async function elsewhere(body) {
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(`<!doctype html>${body}`));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://localhost:${server.address().port}`, stop: () => new Promise((resolve) => server.close(resolve)) };
}

/** A context whose requests to anybody but `own` origins, and whose complaints (CSP, script errors), are collected. */
export async function watched(browser, own, options = {}) {
  const context = await browser.newContext(options);
  const faults = [];
  context.on("request", (request) => {
    if (!own.some((origin) => request.url().startsWith(origin))) faults.push(`foreign request: ${request.url()}`);
  });
  context.on("console", (message) => {
    // The browser itself reports refused requests, which are what some steps are about.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => faults.push(`script: ${error.error()}`));
  return { context, faults };
}

export async function register(page, origin, identifier) {
  await page.goto(`${origin}/register`);
  await page.getByLabel("Username or e-mail").fill(identifier);
  const passwords = page.locator('input[type="password"]');
  for (let index = 0; index < (await passwords.count()); index += 1) await passwords.nth(index).fill(PASSWORD);
  await page.getByRole("button", { name: /create|register/i }).click();
  await page.waitForURL(`${origin}/account**`);
}

export async function login(page, origin, identifier, password = PASSWORD) {
  await page.goto(`${origin}/login`);
  await page.getByLabel("Username or e-mail").fill(identifier);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}
