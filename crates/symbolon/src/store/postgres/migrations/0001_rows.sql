-- Oldest binary that can still run this schema: 0.1.0
-- The rows of the embedded store's first migration, in PostgreSQL's types. Ids are UUIDv7 and times milliseconds since 1970, but for
-- `forget_at` (seconds). What a person typed is BYTEA: equal byte by byte and in no language's order, and it may hold a NUL, which TEXT
-- cannot. Nothing here but what any database that speaks this dialect has.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

CREATE TABLE log_head (                -- one row, locked by whoever appends: numbers become visible in order
  one     BOOLEAN PRIMARY KEY CHECK (one),
  head    BIGINT NOT NULL,
  trimmed BIGINT NOT NULL
);

CREATE TABLE users (
  id         UUID PRIMARY KEY,
  generation BIGINT NOT NULL,
  disabled   BOOLEAN NOT NULL,
  roles      TEXT NOT NULL,            -- JSON array of names
  profile    TEXT NOT NULL,            -- JSON object
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE identifiers (
  canonical   BYTEA PRIMARY KEY,       -- UTF-8
  user_id     UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind        TEXT NOT NULL,           -- email, username
  shown       BYTEA NOT NULL,          -- UTF-8, as typed
  verified_at BIGINT                   -- null: registration proves nothing
);
CREATE INDEX identifiers_by_user ON identifiers (user_id);

CREATE TABLE credentials (
  id      UUID PRIMARY KEY,
  user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind    TEXT NOT NULL,               -- password
  data    BYTEA NOT NULL,              -- a hash, in UTF-8
  version BIGINT NOT NULL,
  used_at BIGINT
);
CREATE INDEX credentials_by_user ON credentials (user_id);

CREATE TABLE sessions (
  id               UUID PRIMARY KEY,
  user_id          UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  generation       BIGINT NOT NULL,    -- live only while it equals the user's
  kind             TEXT NOT NULL,      -- browser, token, grant
  client_id        TEXT,
  parent           UUID,
  secret_hash      BYTEA,              -- SHA-256; null for tokens
  refresh_counter  BIGINT NOT NULL,
  refresh_moved_at BIGINT,
  auth_time        BIGINT NOT NULL,
  amr              TEXT NOT NULL,      -- JSON [{method, at}]
  scope            TEXT,
  audience         TEXT NOT NULL,      -- JSON array
  jkt              TEXT,
  remember         BOOLEAN NOT NULL,
  created_at       BIGINT NOT NULL,
  last_seen        BIGINT NOT NULL,
  idle_expires_at  BIGINT NOT NULL,
  expires_at       BIGINT NOT NULL,
  ended_at         BIGINT,
  device           TEXT NOT NULL,
  address          TEXT NOT NULL,
  label            BYTEA,              -- UTF-8, as typed
  key_version      BIGINT NOT NULL
) WITH (fillfactor = 85);              -- room for activity beside the row it is about
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;

CREATE TABLE attempts (                -- logins that wait for a second factor
  ticket  UUID PRIMARY KEY,
  user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  done    TEXT NOT NULL,               -- JSON array of factors
  end_at  BIGINT NOT NULL
);

CREATE TABLE clients (
  id         UUID PRIMARY KEY,
  name       BYTEA NOT NULL,           -- UTF-8, as typed
  scopes     TEXT NOT NULL,            -- JSON array
  secret     BYTEA NOT NULL,           -- SHA-256
  previous   BYTEA,                    -- SHA-256 of the one before, while both count
  created_at BIGINT NOT NULL
);

CREATE TABLE keys (
  kid         TEXT PRIMARY KEY,
  algorithm   TEXT NOT NULL,
  sealed      BYTEA,                   -- null once removed; the row stays, so that it never comes back
  key_version BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  sign_from   BIGINT NOT NULL,
  removed_at  BIGINT
);

CREATE TABLE log (
  seq        BIGINT PRIMARY KEY,       -- from log_head, in the same transaction
  kind       TEXT NOT NULL,            -- token, session, user, key, changed
  id         TEXT NOT NULL,
  generation BIGINT,                   -- user entries: this and lower ones are dead; -1: all
  forget_at  BIGINT                    -- seconds; null: never
);

CREATE INDEX log_of_tokens ON log (id) WHERE kind = 'token';

CREATE TABLE guards (
  id          UUID PRIMARY KEY,
  epoch       TEXT NOT NULL,           -- of the log that `applied` is a number of
  applied     BIGINT NOT NULL,
  lease_until BIGINT NOT NULL          -- milliseconds of the database's clock
);

CREATE TABLE throttle (
  key           BYTEA PRIMARY KEY,     -- HMAC of an identifier or address
  count         BIGINT NOT NULL,
  last          BIGINT NOT NULL,
  blocked_until BIGINT,
  forget_at     BIGINT NOT NULL
);

CREATE TABLE audit (
  id         UUID PRIMARY KEY,
  at         BIGINT NOT NULL,
  event      TEXT NOT NULL,
  actor      TEXT,
  user_id    UUID,
  session_id UUID,
  address    TEXT,
  detail     TEXT NOT NULL             -- JSON object
);
CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;
