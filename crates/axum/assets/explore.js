// Both journeys, side by side. Every step sends real requests through POST explore/call, which runs them through the server's own router
// and tells what was sent, answered and stored. The cookie journey's cookie is a real HttpOnly one (this file cannot read it); the token
// journey is client.js, as any application would use it, which keeps the token where the visitor picks. Nothing here is trusted by the
// server, and everything is put on the page as text. One file of this length because an asset's address carries its version, and what a
// module imports by name could not: the page says where the client is.

const root = document.getElementById("explore");
const base = root.dataset.base;
const { createClient } = await import(root.dataset.client);
const diagram = document.getElementById("diagram");
const buttons = [...root.querySelectorAll("[data-step]")];
const MARK = "symbolon-explore"; // sessionStorage: whose journey a reload interrupted; no secret in it
const issuer = location.origin + base;
const KEY = `symbolon:${issuer}`; // under which the client keeps its record
const AGENT = ["User-Agent", navigator.userAgent];

const state = { account: null, cookie: false, copy: "", token: false, ended: false, done: new Set(), busy: false };

// ---- where the token is kept ----

/* What any script of this page reads in one line. */
const PLACES = {
  memory: { name: "a variable of this page", read: () => null },
  session: { name: "sessionStorage", read: () => sessionStorage.getItem(KEY) },
  local: { name: "localStorage", read: () => localStorage.getItem(KEY) },
  cookie: {
    name: "a cookie that script can read",
    read: () => {
      const name = `${encodeURIComponent(KEY)}=`;
      const pair = document.cookie.split("; ").find((one) => one.startsWith(name));
      return pair ? decodeURIComponent(pair.slice(name.length)) : null;
    },
  },
};
const picked = (name) => root.querySelector(`input[name="${name}"]:checked`).value;
const place = () => PLACES[picked("place")];
const stateless = () => picked("mode") === "stateless";

let client = null;
let made = []; // the exchanges of the client's work in hand
let answered = null; // the tokens that came last, which is what its variable holds
let copy = null; // a thief's

const connect = (storage) => createClient({ issuer, storage, mode: picked("mode"), fetch: traced });

/** The tokens as a script finds them: `{ access, refresh }`. */
function kept() {
  if (picked("place") === "memory") return (state.token && answered) || {};
  try {
    return JSON.parse(place().read()) ?? {};
  } catch {
    return {};
  }
}

/** The client works: what it asked, and whether that did what it should. */
async function work(task) {
  made = [];
  const error = await task().then(() => null, (error) => error);
  if (error && (error.name !== "AuthError" || error.code === "unreachable")) throw error;
  return { exchanges: made, done: !error };
}

/** A call with the token; without one when the client has none, so that the answer is seen. */
async function ask(path) {
  const asked = await work(() => client.fetch(issuer + path));
  if (!asked.exchanges.length) asked.exchanges.push(await call("token", "GET", path));
  return asked.exchanges;
}

/** No place holds anything any more. */
const forget = () => Promise.all(Object.keys(PLACES).map((storage) => connect(storage).logout({ server: false })));

// ---- calls ----

/** One exchange: what was sent, answered and stored. Throws with a sentence when the page itself could not ask. */
async function call(journey, method, path, { json, form, headers = [], body } = {}) {
  const sent = [AGENT, ...headers];
  if (journey === "cookie") sent.push(["Sec-Fetch-Site", "same-origin"]); // what a browser says of a page's own request
  if (json) sent.push(["Content-Type", "application/json"]);
  if (form) sent.push(["Content-Type", "application/x-www-form-urlencoded"]);
  body ??= json ? JSON.stringify(json) : form ? new URLSearchParams(form).toString() : null;
  const reply = await fetch(`${base}/explore/call`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ journey, account: state.account.identifier, method, path, headers: sent, body }),
  });
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(answer.detail ?? `explore/call answered ${reply.status}.`);
  return answer;
}

/** `fetch` for the client: its requests, made where they can be shown. */
async function traced(request) {
  const spelled = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  const headers = [...request.headers].map(([name, value]) => [spelled(name), value]);
  const { pathname, search } = new URL(request.url);
  const body = (await request.text()) || null;
  const exchange = await call("token", request.method, pathname.slice(base.length) + search, { headers, body });
  made.push(exchange);
  const said = bodyOf(exchange.response);
  if (said?.access_token) answered = { access: said.access_token, refresh: said.refresh_token };
  const { status, headers: fields, body: text } = exchange.response;
  return new Response(text || null, { status, headers: fields });
}

const lost = (tokens = kept()) => (tokens.access ? null : "The script has no token left, so it sends none.");
const good = (exchange) => exchange.response.status < 300;
const setCookies = (exchange) =>
  exchange.response.headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
const sessionCookie = (exchange) => setCookies(exchange).find((one) => /^[^=]*=ses_/.test(one));

function bodyOf(message) {
  try {
    return JSON.parse(message.body);
  } catch {
    return null;
  }
}

/** Letters that cannot be confused, from the browser's own generator. */
function letters(length) {
  const from = "abcdefghjkmnpqrstuvwxyz23456789";
  const bytes = crypto.getRandomValues(new Uint32Array(length));
  return [...bytes].map((one) => from[one % from.length]).join("");
}

// ---- the steps ----

/* Each side gives `why`, a sentence, and `go`, which makes its exchanges and answers what the client keeps afterwards. */
const STEPS = {
  register: {
    name: "Register",
    ready: () => !state.account,
    both: {
      why: "One account for both journeys. Of the password, only a slow hash (Argon2id) is stored.",
      go: async () => {
        state.account = { identifier: `explorer-${letters(5)}`, password: [5, 5, 5, 5].map(letters).join("-") };
        const exchange = await call("token", "POST", "/v1/users", { json: { ...state.account } });
        if (!good(exchange)) state.account = null;
        return { exchanges: [exchange] };
      },
    },
  },
  login: {
    name: "Log in",
    ready: () => state.account?.password && !state.cookie && !state.token,
    cookie: {
      why: "The server makes up a secret, keeps its hash in a session row, and hands the secret to the browser as a cookie.",
      go: async () => {
        const exchange = await call("cookie", "POST", "/v1/sessions", { json: { ...state.account, remember: true } });
        state.cookie = good(exchange);
        state.copy = sessionCookie(exchange)?.split(";")[0] ?? "";
        return { exchanges: [exchange], keeps: state.cookie && "The browser puts the cookie into its jar, out of reach of scripts" };
      },
    },
    token: {
      why: () => stateless()
        ? "The server signs who you are into a token, and stores nothing at all."
        : "The server signs who you are into a token. It keeps one session row, for the refresh and for your device list.",
      go: async () => {
        client = connect(picked("place"));
        const { exchanges, done } = await work(() => client.login(state.account));
        state.token = done;
        return { exchanges, keeps: done && `The script keeps what it got in ${place().name}` };
      },
    },
  },
  me: {
    name: "Who am I",
    ready: () => state.cookie || state.token,
    cookie: {
      why: "The browser adds the cookie by itself. The server checks it in memory: its MAC, that nothing ended it, its hash, its times.",
      go: async () => ({ exchanges: [await call("cookie", "GET", "/v1/me")] }),
    },
    token: {
      why: () =>
        lost() ?? "The script adds the token. The server checks it in memory: its signature, its claims, that nothing ended it, its times.",
      go: async () => ({ exchanges: await ask("/v1/me") }),
    },
  },
  refresh: {
    name: "Refresh",
    ready: () => state.cookie || state.token,
    cookie: { why: "Nothing to do. Using the cookie is what keeps its session alive.", go: async () => ({ exchanges: [] }) },
    token: {
      why: () => kept().refresh
        ? "An access token lives for minutes. The refresh token gets the next; it counts up, so that a stolen old one is noticed."
        : "There is no refresh token. When the access token runs out, the user logs in again.",
      go: async () => {
        if (!kept().refresh) return { exchanges: [] };
        const { exchanges, done } = await work(() => client.renew());
        return { exchanges, keeps: done && `The new tokens replace the old ones in ${place().name}` };
      },
    },
  },
  devices: {
    name: "List devices",
    ready: () => state.cookie || state.token,
    cookie: {
      why: "Both journeys are sessions of one account, so each sees the other and may end it.",
      go: async () => ({ exchanges: [await call("cookie", "GET", "/v1/sessions")] }),
    },
    token: {
      why: () =>
        lost() ?? (stateless() ? "A stateless token is in no list: nobody stored it." : "The same list, asked for with the token."),
      go: async () => ({ exchanges: await ask("/v1/sessions") }),
    },
  },
  logout: {
    name: "Log out",
    ready: () => state.cookie || state.token,
    cookie: {
      why: "The session’s row ends, the revocation log says so, and the browser is told to drop the cookie.",
      go: async () => {
        const exchange = await call("cookie", "DELETE", "/v1/sessions/current");
        state.cookie = false;
        const keeps = `The browser drops the cookie${state.copy ? ". A thief’s copy remains, for the next step" : ""}`;
        return { exchanges: [exchange], keeps };
      },
    },
    token: {
      why: () =>
        lost() ??
        (stateless() ? "No row to end: the revocation log names this one token." : "The session’s row ends, and the revocation log says so."),
      go: async () => {
        copy = kept();
        const { exchanges } = await work(() => client.logout());
        state.token = false;
        state.ended = true;
        return { exchanges, keeps: copy.access && "The script drops its tokens. A thief’s copy remains, for the next step" };
      },
    },
  },
  again: {
    name: "Try again after logout",
    ready: () => state.ended && !state.cookie && !state.token,
    cookie: {
      why: () => state.copy ? "A copy of the cookie, taken before the logout." : "The cookie is gone from the jar, so nothing is sent.",
      go: async () => ({ exchanges: [await call("cookie", "GET", "/v1/me", { headers: state.copy ? [["Cookie", state.copy]] : [] })] }),
    },
    token: {
      why: () => {
        const end = claimsOf(copy.access)?.exp;
        if (!(end > Date.now() / 1000)) return lost(copy) ?? "A copy of the token, taken before the logout.";
        return `The copy of the token itself says that it is good until ${clock(end)}. It is refused now.`;
      },
      go: async () => {
        const headers = copy.access ? [["Authorization", `Bearer ${copy.access}`]] : [];
        const exchanges = [await call("token", "GET", "/v1/me", { headers })];
        const form = { grant_type: "refresh_token", refresh_token: copy.refresh };
        if (copy.refresh) exchanges.push(await call("token", "POST", "/oauth/token", { form }));
        return { exchanges };
      },
    },
  },
  reload: {
    name: "After the reload",
    ready: () => state.account && (state.cookie || state.token),
    cookie: {
      why: "What the page held in memory is gone. The browser still has the cookie, and sends it.",
      go: async () => {
        const exchange = await call("cookie", "GET", "/v1/me");
        state.cookie = good(exchange);
        return { exchanges: [exchange], keeps: state.cookie && "Survived: the login goes on" };
      },
    },
    token: {
      why: () => {
        if (kept().access) return `The token was still in ${place().name}.`;
        return `The token was in ${place().name}. It is lost${stateless() ? "" : "; its session lives on at the server"}.`;
      },
      go: async () => {
        const found = client.state().loggedIn;
        const exchanges = await ask("/v1/me");
        state.token = good(exchanges.at(-1));
        return { exchanges, keeps: found ? "Survived" : "Gone: without a token the server knows nobody" };
      },
    },
  },
};
const ORDER = ["register", "login", "me", "refresh", "devices", "logout", "again"];

async function run(id) {
  const step = STEPS[id];
  if (state.busy || !step.ready()) return;
  state.busy = true;
  show();
  const heard = [];
  const row = { step, sides: [] };
  try {
    for (const side of ["both", "cookie", "token"].filter((one) => step[one])) {
      const why = typeof step[side].why === "function" ? step[side].why() : step[side].why;
      const result = await step[side].go();
      row.sides.push({ side, why, ...result });
      const statuses = result.exchanges.map((one) => status(one.response.status)).join(", then ");
      heard.push(`${{ both: "Account", cookie: "Cookie session", token: "Signed token" }[side]}: ${statuses || "nothing to send"}.`);
    }
    if (id === "login") for (const later of ORDER.slice(2)) state.done.delete(later);
    state.done.add(id);
  } catch (error) {
    if (!row.sides.length && id === "register") state.account = null;
    heard.push(`The page could not ask the server. ${error.message}`);
  }
  state.busy = false;
  remember();
  if (row.sides.length) draw(row);
  show(`${step.name}. ${heard.join(" ")}`);
}

// ---- reload and start over ----

function remember() {
  if (!state.account) return sessionStorage.removeItem(MARK);
  sessionStorage.setItem(MARK, JSON.stringify({
    identifier: state.account.identifier, place: picked("place"), mode: picked("mode"), cookie: state.cookie, token: state.token,
  }));
}

async function startOver() {
  if (state.account && state.cookie) await call("cookie", "DELETE", "/v1/sessions/current").catch(() => {});
  if (state.account && state.token) await client.logout().catch(() => {});
  await forget();
  client = answered = copy = null;
  Object.assign(state, { account: null, cookie: false, copy: "", token: false, ended: false });
  state.done.clear();
  diagram.replaceChildren();
  remember();
  show("Everything is forgotten. Begin with Register.");
}

async function wake() {
  let before = null;
  try {
    before = JSON.parse(sessionStorage.getItem(MARK));
  } catch {
    // somebody else's value: as good as none
  }
  root.hidden = false;
  if (!before?.identifier || !(before.cookie || before.token)) {
    await forget();
    sessionStorage.removeItem(MARK);
    return show();
  }
  for (const name of ["place", "mode"]) {
    const input = root.querySelector(`input[name="${name}"][value="${CSS.escape(before[name])}"]`);
    if (input) input.checked = true;
  }
  Object.assign(state, { account: { identifier: before.identifier }, cookie: before.cookie, token: before.token });
  for (const id of ["register", "login"]) state.done.add(id);
  client = connect(picked("place"));
  await run("reload");
}

// ---- the page ----

function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

const REASONS = { 200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
  409: "Conflict", 422: "Unprocessable Content", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable" };
const status = (code) => `${code} ${REASONS[code] ?? ""}`.trim();
const clock = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function away(seconds) {
  const left = Math.round(seconds - Date.now() / 1000);
  const [count, unit] = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]]
    .map(([size, word]) => [Math.floor(Math.abs(left) / size), word])
    .find(([number]) => number >= 1) ?? [0, "second"];
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return left < 0 ? `${text} ago` : `in ${text}`;
}

/** Which steps are open, which is next, and what a script can read. */
function show(text) {
  const next = ORDER.find((id) => !state.done.has(id) && STEPS[id].ready());
  for (const button of buttons) {
    const id = button.dataset.step;
    const open = !state.busy && (id === "over" ? Boolean(state.account) : STEPS[id].ready());
    button.setAttribute("aria-disabled", String(!open));
    button.classList.toggle("next", open && id === next);
    button.classList.toggle("done", state.done.has(id) && id !== "reload");
    if (ORDER.includes(id)) button.firstElementChild.textContent = state.done.has(id) ? "✓" : ORDER.indexOf(id) + 1;
    if (open && id === next) bring(button);
  }
  // A client keeps its tokens in one place for as long as it is logged in.
  for (const id of ["places", "modes"]) document.getElementById(id).disabled = state.busy || state.token;
  for (const node of root.querySelectorAll("[data-risk]")) node.hidden = node.dataset.risk !== picked("place");
  document.getElementById("blank").hidden = diagram.childElementCount > 0;
  const told = document.getElementById("told");
  if (text) told.textContent = text;
  told.classList.toggle("busy", state.busy);
  const nothing = state.done.has("login") ? "nothing: it is gone" : "nothing yet";
  const cookieReads = document.getElementById("cookie-reads");
  cookieReads.textContent = !state.cookie ? nothing
    : /ses_/.test(document.cookie) ? document.cookie : `document.cookie → "${shorten(document.cookie)}": no session in it`;
  const tokenReads = document.getElementById("token-reads");
  const where = { memory: "variable", session: "sessionStorage", local: "localStorage", cookie: "document.cookie" }[picked("place")];
  tokenReads.replaceChildren(...(kept().access ? [`${where} → `, ...secrets(kept().access)] : [nothing]));
}

/** Scrolls the row of buttons, never the page, so that the next one is in sight. */
function bring(button) {
  const row = button.parentElement;
  if (row.scrollWidth > row.clientWidth) row.scrollLeft = button.offsetLeft - row.offsetLeft - 16;
}

function draw({ step, sides }) {
  for (const details of diagram.querySelectorAll("details[open]")) details.open = false;
  const number = diagram.childElementCount + 1;
  const title = el("h3", { tabindex: "-1" }, `${number} · ${step.name}`);
  const pair = el("div", { class: sides[0].side === "both" ? "pair single" : "pair" }, sides.map(drawSide));
  const row = el("li", { class: "step" }, title, pair);
  diagram.append(row);
  row.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function drawSide({ side, why, exchanges, keeps }) {
  const who = side === "token" ? "Script" : "Browser";
  const name = { both: "Account", cookie: "Cookie session", token: "Signed token" }[side];
  return el("div", { class: `side ${side}`, role: "group", "aria-label": name },
    el("p", { class: "which" }, name),
    el("p", { class: "why" }, why),
    exchanges.length > 0 && el("div", { class: "lanes" },
      el("p", { class: "heads", "aria-hidden": "true" }, el("span", {}, who), el("span", {}, "Symbolon"), el("span", {}, "Store")),
      exchanges.map((exchange) => drawExchange(exchange, who, side)),
      keeps && el("p", { class: "keeps" }, keeps, ".")));
}

function drawExchange({ request, response, stored }, who, side) {
  const [method, path] = request.line.split(" ");
  const failed = response.status >= 400;
  const cookies = side === "cookie" ? setCookies({ response }) : [];
  const token = bodyOf(response)?.access_token;
  const rows = stored ?? [];
  return [
    el("p", { class: "arrow out" }, unseen(`${who} to Symbolon: `), el("b", {}, method), " ", path),
    fold("Request, as sent", http(request.line, request)),
    rows.length > 0
      ? [el("p", { class: "arrow store" }, unseen("Symbolon to its store: "), rows.length === 1 ? "1 row" : `${rows.length} rows`),
        fold("What the server stored", el("div", {}, rows.map(drawRow)))]
      : el("p", { class: "no-store" }, "stored: nothing"),
    el("p", { class: failed ? "arrow back failed" : "arrow back" }, unseen(`Symbolon to ${who}: `), el("b", {}, status(response.status))),
    fold("Response", http(`HTTP/1.1 ${status(response.status)}`, response)),
    cookies.map((one) => fold(`The cookie ${one.split("=")[0]}, explained`, cookieParts(one))),
    token && fold("The access token, decoded", tokenParts(token)),
  ];
}

const unseen = (text) => el("span", { class: "unseen" }, text);
const fold = (summary, content) => el("details", { open: true }, el("summary", {}, summary), content);

function http(line, { headers, body }) {
  const json = bodyOf({ body });
  const text = json ? JSON.stringify(json, null, 2) : body;
  return el("pre", { class: "http" },
    el("span", { class: "first" }, line),
    headers.map(([name, value]) => el("span", {}, el("b", {}, name), ": ", secrets(value))),
    text ? el("span", { class: "body" }, secrets(text)) : null);
}

const JWT = /(eyJ[\w-]{8,})\.([\w-]+)\.([\w-]+)/;
const shorten = (text) => (text.length > 26 ? `${text.slice(0, 14)}…${text.slice(-6)}` : text);

/** Text with its tokens in three colours, shortened: whole they stand where they are decoded. */
function secrets(text) {
  const found = JWT.exec(text);
  if (!found) return [text];
  return [text.slice(0, found.index), threeParts(found.slice(1).map(shorten)), ...secrets(text.slice(found.index + found[0].length))];
}

const threeParts = ([header, claims, signature]) => {
  const colour = (name, text) => el("span", { class: name }, text);
  return el("span", { class: "jwt" }, colour("h", header), ".", colour("c", claims), ".", colour("s", signature));
};

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function drawRow({ table, change, row }) {
  return el("div", { class: "row" },
    el("p", {}, el("b", {}, table), " ", el("span", { class: "badge" }, change)),
    el("dl", {}, Object.entries(row).map(([key, value]) =>
      el("div", {}, el("dt", {}, key), el("dd", {}, plain(value))))));
}

// ---- what things mean ----

const ATTRIBUTES = {
  "httponly": "no script can read it",
  "secure": "sent over https only",
  "samesite": "Lax: not sent with forms and requests from other sites, only when a link leads here",
  "path": "sent with every path of this site",
  "max-age": "kept for this many seconds, also when the browser closes; without it, until then",
  "expires": "kept until then",
};

function cookieParts(text) {
  const [pair, ...attributes] = text.split("; ");
  const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
  const meaning = name.endsWith("-known")
    ? "marks a browser that has logged in before, so that strangers cannot lock its owner out; it opens nothing"
    : value
      ? "a session id, 24 random bytes and a MAC over both; the server keeps only a hash"
      : "empty: this removes the cookie";
  return meanings([
    [name, value || "(empty)", meaning],
    ...attributes.map((one) => {
      const [key, setting = ""] = one.split("=");
      const age = key.toLowerCase() === "max-age" && Number(setting);
      if (age === 0) return [key, setting, "over at once"];
      const days = age ? ` (${Math.round(age / 86400)} days)` : "";
      return [key, setting, `${ATTRIBUTES[key.toLowerCase()] ?? ""}${days}`];
    }),
  ]);
}

const CLAIMS = {
  alg: "the algorithm, bound to the key: a token cannot choose another",
  kid: "which key signed it",
  typ: "an access token, never anything else",
  iss: "issuer: who signed it",
  sub: "subject: the user",
  aud: "audience: who may accept it",
  exp: "expires",
  iat: "issued at",
  nbf: "not before",
  jti: "this token’s own id",
  client_id: "the application",
  sid: "the session it belongs to",
  gen: "the user’s generation: raised when everything ends",
  amr: "how the user proved it",
  auth_time: "when the user proved it",
  scope: "what it is for",
  cnf: "the key it is bound to",
};
const TIMES = ["exp", "iat", "nbf", "auth_time"];

function part(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

function claimsOf(token) {
  try {
    return part(token.split(".")[1]);
  } catch {
    return null;
  }
}

function tokenParts(token) {
  const parts = token.split(".");
  const explained = (values) => meanings(Object.entries(values).map(([key, value]) => {
    const time = TIMES.includes(key) && Number.isFinite(value) ? `: ${clock(value)}, ${away(value)}` : "";
    return [key, plain(value), `${CLAIMS[key] ?? ""}${time}`];
  }));
  const bytes = Math.floor((parts[2].length * 3) / 4);
  return el("div", { class: "token-parts" },
    el("p", { class: "mono" }, threeParts(parts)),
    el("div", { class: "h" }, el("h4", {}, "Header"), explained(part(parts[0]))),
    el("div", { class: "c" }, el("h4", {}, "Claims: readable by anybody, so no secrets"), explained(part(parts[1]))),
    el("div", { class: "s" }, el("h4", {}, "Signature"),
      el("p", {}, `${bytes} bytes over the two parts before it. Change one character there, and it no longer fits.`)));
}

function meanings(rows) {
  return el("dl", { class: "meanings" }, rows.map(([name, value, meaning]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value && el("code", {}, value), meaning && el("span", {}, meaning)))));
}

// ---- events ----

for (const button of buttons) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") === "true") return show("That step is not open yet, or is done.");
    if (button.dataset.step === "over") return startOver();
    if (button.dataset.step === "reload") return location.reload();
    return run(button.dataset.step);
  });
}
root.addEventListener("change", ({ target }) => {
  remember();
  show(target.name === "place" ? `The token will be kept in ${place().name}.` : undefined);
});

wake();
