// Symbolon in a browser: login by token, calls with it, one refresh for all tabs, logout. No dependency.
//
//   import { createClient } from "https://id.example/assets/client.js";
//   const auth = createClient({ issuer: "https://id.example", storage: "local", apis: ["https://api.example"] });
//   await auth.login({ identifier, password }), and then auth.fetch("https://api.example/orders") as if it were fetch
//
// Tokens go to the issuer and to the origins in `apis`, and nowhere else. Where they are kept is the application's choice:
//   memory   gone with the page; each tab logs in for itself; no other script's storage holds them
//   session  survives a reload, this tab alone
//   local    survives the browser, all tabs
//   cookie   like local, in a cookie of the application's own origin, which its server sees, too
// Whatever script runs on the page can use the tokens in all four; in the last three it can also read them.

const AHEAD = 10_000; // milliseconds before its end an access token is renewed
const COOKIE_LIFE = 30 * 24 * 3600;

/** A refusal: `code` is the contract's, `status` the answer's; `unreachable` and 0 when there was no answer. */
export class AuthError extends Error {
  constructor(code, status, detail) {
    super(detail ?? code);
    Object.assign(this, { name: "AuthError", code, status });
  }
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ "+": "-", "/": "_" })[c] ?? "");
const utf8 = (text) => new TextEncoder().encode(text);
const sha256 = async (text) => base64url(await crypto.subtle.digest("SHA-256", utf8(text)));

/** Where a record is kept: `read` gives it or null, `write(null)` removes it. One value, so that a reader never sees half of it. */
function keeper(storage, name) {
  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null; // whatever it is, it is no login
    }
  };
  if (storage === "memory") {
    let kept = null;
    return { read: () => kept, write: (record) => void (kept = record) };
  }
  if (storage === "session" || storage === "local") {
    const place = storage === "local" ? localStorage : sessionStorage;
    const write = (record) => (record ? place.setItem(name, JSON.stringify(record)) : place.removeItem(name));
    return { read: () => parse(place.getItem(name)), write };
  }
  if (storage !== "cookie") throw new TypeError(`storage: ${storage}`);
  const key = encodeURIComponent(name);
  const flags = `; Path=/; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}`;
  return {
    read: () => {
      const pair = document.cookie.split("; ").find((pair) => pair.startsWith(`${key}=`)) ?? "";
      return parse(decodeURIComponent(pair.slice(key.length + 1)));
    },
    write: (record) => {
      const [value, age] = record ? [encodeURIComponent(JSON.stringify(record)), COOKIE_LIFE] : ["", 0];
      document.cookie = `${key}=${value}; Max-Age=${age}${flags}`;
    },
  };
}

/** A signing key that no script can read, kept where the record is: in IndexedDB when tabs share it. */
async function holder(shared, name) {
  const fresh = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  if (!shared) return fresh;
  const request = (asked) =>
    new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  const opening = indexedDB.open("symbolon", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
  const database = await request(opening);
  const keys = database.transaction("keys", "readwrite").objectStore("keys");
  const known = await request(keys.get(name));
  if (!known) await request(keys.put(fresh, name));
  database.close();
  return known ?? fresh;
}

/**
 * A client of one issuer. `dpop`: bind the tokens to a key that cannot leave the browser (RFC 9449). `apis`: other origins that get
 * tokens. `audience`, `scope`, `mode`: as `POST /v1/tokens` takes them. `onChange(state)`: this tab or another logged in, renewed or out.
 */
export function createClient({
  issuer, storage = "memory", dpop = false, audience, scope, mode, apis = [], onChange = () => {},
  fetch = (request) => globalThis.fetch(request),
}) {
  const base = issuer.replace(/\/$/, "");
  const origins = new Set([base, ...apis].map((url) => new URL(url).origin));
  const name = `symbolon:${base}`;
  const shared = storage === "local" || storage === "cookie";
  const { read, write } = keeper(storage, name);
  const key = dpop ? holder(shared || storage === "session", shared ? name : `${name}:${storage}`) : null;
  const nonces = new Map();

  const state = (now = read()) => ({ loggedIn: now !== null, session: now?.session ?? null });
  const channel = shared ? new BroadcastChannel(name) : null;
  if (channel) channel.onmessage = () => onChange(state());
  const keep = (record) => {
    write(record);
    channel?.postMessage("changed");
    onChange(state());
    return record;
  };

  // One change at a time: in all tabs where they share the record, else in this one.
  const lockName = shared ? name : name + crypto.randomUUID();
  let last = Promise.resolve();
  const alone = (work) => {
    if (!navigator.locks) return (last = last.then(work, work)); // there are none outside of secure contexts
    const asked = performance.now();
    return navigator.locks.request(lockName, async () => {
      // Another tab held it: what it wrote takes a moment to be seen here. Too early is no harm, the server answers the same.
      if (shared && performance.now() - asked > 5) await new Promise((resolve) => setTimeout(resolve, 100));
      return work();
    });
  };

  /** RFC 9449 §4.2. The URL without query and fragment. */
  const proof = async (method, url, token) => {
    const { privateKey, publicKey } = await key;
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
    const { origin, pathname } = new URL(url);
    const claims = { htm: method, htu: origin + pathname, iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID() };
    if (token) claims.ath = await sha256(token);
    if (nonces.has(origin)) claims.nonce = nonces.get(origin);
    const part = (value) => base64url(utf8(JSON.stringify(value)));
    const signed = `${part({ typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } })}.${part(claims)}`;
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, utf8(signed));
    return `${signed}.${base64url(signature)}`;
  };

  /** Sends a request, with a record's token when given, and once more when the server wants another nonce in the proof. */
  const send = async (original, record) => {
    for (let first = true; ; first = false) {
      const request = original.clone();
      if (key) request.headers.set("DPoP", await proof(request.method, request.url, record?.access));
      if (record) request.headers.set("Authorization", `${record.type} ${record.access}`);
      const answer = await fetch(request);
      const nonce = answer.headers.get("DPoP-Nonce");
      if (nonce) nonces.set(new URL(request.url).origin, nonce);
      if (!first || !key || !nonce || ![400, 401].includes(answer.status)) return answer;
      if (!(await answer.clone().text()).includes("use_dpop_nonce")) return answer;
    }
  };

  const call = async (path, body, record) => {
    // No cookie goes along: this is the journey without any.
    const request = new Request(base + path, { method: "POST", body, credentials: "omit", cache: "no-store" });
    if (typeof body === "string") request.headers.set("Content-Type", "application/json");
    let answer;
    try {
      answer = await send(request, record);
    } catch (error) {
      throw new AuthError("unreachable", 0, error.message);
    }
    const text = await answer.text();
    const said = text.startsWith("{") ? JSON.parse(text) : {};
    if (!answer.ok) throw new AuthError(said.code ?? said.error, answer.status, said.detail ?? said.error_description);
    return said;
  };

  const recorded = (answer) => ({
    access: answer.access_token,
    refresh: answer.refresh_token,
    type: answer.token_type,
    session: answer.session_id,
    expires: Date.now() + answer.expires_in * 1000,
  });

  /** A record that is not `stale` any more. Whoever comes second finds what the first one brought. */
  const renew = (stale) =>
    alone(async () => {
      const now = read();
      if (now && now.access !== stale.access) return now;
      if (!now?.refresh) throw keep(null) ?? new AuthError("no_session", 401); // logged out, or stateless and over
      const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: now.refresh });
      try {
        // A reply that got lost costs nothing: the same token is answered with the same successor for a while.
        const answer = await call("/oauth/token", form).catch((error) => {
          if (error.code !== "unreachable") throw error;
          return call("/oauth/token", form);
        });
        return keep(recorded(answer));
      } catch (error) {
        if (error.code !== "invalid_grant") throw error; // out of reach, or busy: still logged in
        const after = read(); // somebody without the lock may have moved on meanwhile
        if (after && after.refresh !== now.refresh) return after;
        keep(null);
        throw new AuthError("no_session", 401);
      }
    });

  const current = async () => {
    const now = read();
    if (!now) throw new AuthError("no_session", 401);
    return now.expires - AHEAD > Date.now() ? now : renew(now);
  };

  /** A change that ends this session and answers with its successor. */
  const succeed = async (path, body) => {
    await current();
    return alone(async () => void keep(recorded(await call(path, JSON.stringify(body), read()))));
  };

  return {
    /** `{ loggedIn, session }`, as far as this browser knows. */
    state: () => state(),

    /** Logs in; what was kept before is replaced. */
    login: ({ identifier, password }) =>
      alone(async () => void keep(recorded(await call("/v1/tokens", JSON.stringify({ identifier, password, audience, scope, mode }))))),

    /** `fetch` with the token, renewed ahead of its end, and once more when it turned out to be dead. */
    async fetch(url, init) {
      const request = new Request(url, init);
      if (!origins.has(new URL(request.url).origin)) throw new TypeError(`${request.url} is not of the issuer or in apis`);
      let record = await current();
      const answer = await send(request, record);
      const challenge = answer.headers.get("WWW-Authenticate") ?? "";
      if (answer.status !== 401 || !challenge.includes('error="invalid_token"')) return answer;
      record = await renew(record);
      return send(request, record);
    },

    /** New tokens now, ahead of time. */
    renew: async () => void (await renew(await current())),

    /** The access token, for whoever sends it by other means; bound tokens are no use without a proof. */
    token: async () => (await current()).access,

    /** Step-up: the password again, for what wants a fresh login. */
    confirm: ({ password, endOthers = false }) =>
      succeed("/v1/sessions/current/confirm", { password, end_others: endOthers }),

    /** Everything else of the user ends; this login goes on. */
    changePassword: ({ current, next }) => succeed("/v1/me/password", { current, new: next }),

    /** Forgets the tokens, and ends the session where the server can be reached. Answers whether it is ended. */
    logout: ({ server = true } = {}) =>
      alone(async () => {
        const { refresh, access } = read() ?? {};
        keep(null);
        if (!server || !access) return false;
        return call("/oauth/revoke", new URLSearchParams({ token: refresh ?? access })).then(() => true, () => false);
      }),
  };
}
