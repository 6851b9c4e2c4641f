// better-auth over its own memory adapter, the kindest of its stores: `node better-auth.js PORT BYTES`. Its limit of requests is off.
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { fromNodeHeaders, toNodeHandler } from "better-auth/node";

const [port, bytes] = process.argv.slice(2).map(Number);
const body = JSON.stringify("x".repeat(bytes - 2));
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: "a secret of the measurement, long enough",
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});
const handler = toNodeHandler(auth);
createServer(async (request, response) => {
  if (request.url !== "/v1/me") return handler(request, response);
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  if (!session) return response.writeHead(401).end();
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
}).listen(port, "127.0.0.1");
