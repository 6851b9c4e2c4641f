-- Oldest binary that can still run this schema: 0.1.0
-- Ids are UUIDv7 blobs and times milliseconds since 1970, but for `forget_at` (seconds). Primary keys are time-ordered and secondary indexes few:
-- that is what lets group commits append instead of scatter.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id         BLOB PRIMARY KEY,
  generation INTEGER NOT NULL,
  disabled   INTEGER NOT NULL,
  roles      TEXT NOT NULL,            -- JSON array of names
  profile    TEXT NOT NULL,            -- JSON object
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identifiers (
  canonical   TEXT PRIMARY KEY,
  user        BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind        TEXT NOT NULL,           -- email, username
  shown       TEXT NOT NULL,           -- as typed
  verified_at INTEGER                  -- null: registration proves nothing
) STRICT, WITHOUT ROWID;
CREATE INDEX identifiers_by_user ON identifiers (user);

CREATE TABLE credentials (
  id      BLOB PRIMARY KEY,
  user    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind    TEXT NOT NULL,               -- password
  data    TEXT NOT NULL,               -- a hash
  version INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_by_user ON credentials (user);

CREATE TABLE sessions (
  id               BLOB PRIMARY KEY,
  user             BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  generation       INTEGER NOT NULL,   -- live only while it equals the user's
  kind             TEXT NOT NULL,      -- browser, token, grant
  client_id        TEXT,
  parent           BLOB,
  secret_hash      BLOB,               -- SHA-256; null for tokens
  refresh_counter  INTEGER NOT NULL,
  refresh_moved_at INTEGER,
  auth_time        INTEGER NOT NULL,
  amr              TEXT NOT NULL,      -- JSON [{method, at}]
  scope            TEXT,
  audience         TEXT NOT NULL,      -- JSON array
  jkt              TEXT,
  remember         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  last_seen        INTEGER NOT NULL,
  idle_expires_at  INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  ended_at         INTEGER,
  device           TEXT NOT NULL,
  address          TEXT NOT NULL,
  label            TEXT,
  key_version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user);
CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;

CREATE TABLE attempts (                -- logins that wait for a second factor
  ticket BLOB PRIMARY KEY,
  user   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  done   TEXT NOT NULL,                -- JSON array of factors
  end_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
  id         BLOB PRIMARY KEY,
  name       TEXT NOT NULL,
  scopes     TEXT NOT NULL,            -- JSON array
  secret     BLOB NOT NULL,            -- SHA-256
  previous   BLOB,                     -- SHA-256 of the one before, while both count
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  kid         TEXT PRIMARY KEY,
  algorithm   TEXT NOT NULL,
  sealed      BLOB,                    -- null once removed; the row stays, so that it never comes back
  key_version INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  sign_from   INTEGER NOT NULL,
  removed_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  seq        INTEGER PRIMARY KEY,      -- from meta 'log_head', in the same transaction
  kind       TEXT NOT NULL,            -- token, session, user, key, changed
  id         TEXT NOT NULL,
  generation INTEGER,                  -- user entries: this and lower ones are dead; -1: all
  forget_at  INTEGER                   -- seconds; null: never
) STRICT;

CREATE TABLE guards (                  -- written by many nodes only; a node that holds the file alone needs no lease
  id          BLOB PRIMARY KEY,
  applied     INTEGER NOT NULL,
  lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE throttle (
  key           BLOB PRIMARY KEY,      -- HMAC of an identifier or address
  count         INTEGER NOT NULL,
  last          INTEGER NOT NULL,
  blocked_until INTEGER,
  forget_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id      BLOB PRIMARY KEY,
  at      INTEGER NOT NULL,
  event   TEXT NOT NULL,
  actor   TEXT,
  user    BLOB,
  session BLOB,
  address TEXT,
  detail  TEXT NOT NULL                -- JSON object
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_user ON audit (user, id) WHERE user IS NOT NULL;
