// express-session with its own memory store: `node express.js PORT BYTES`.
import express from "express";
import session from "express-session";

const [port, bytes] = process.argv.slice(2).map(Number);
const body = JSON.stringify("x".repeat(bytes - 2));
const app = express();
app.use(session({ secret: "a secret of the measurement", resave: false, saveUninitialized: false }));
app.post("/login", (request, response) => {
  request.session.user = 1;
  response.status(204).end();
});
app.get("/v1/me", (request, response) => {
  if (!request.session.user) return response.status(401).end();
  response.type("json").send(body);
});
app.listen(port, "127.0.0.1");
