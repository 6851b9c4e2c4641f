//! What moves from one store to another: every table that both have, column by column, as it stands. Guards aside, which are of
//! processes that run; the head of the log has its own place in each store.

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What a column holds where types are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Id,
    Number,
    Flag,
    Text,
    /// What a person typed: text here, bytes there.
    Typed,
    Bytes,
}

/// A table, by the names that the embedded store has.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Type)],
}

use Type::{Bytes, Flag, Id, Number, Text, Typed};

/// In an order in which whoever is referred to comes first.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "users",
        columns: &[
            ("id", Id),
            ("generation", Number),
            ("disabled", Flag),
            ("roles", Text),
            ("profile", Text),
            ("created_at", Number),
            ("updated_at", Number),
        ],
    },
    Table {
        name: "identifiers",
        columns: &[
            ("canonical", Typed),
            ("user", Id),
            ("kind", Text),
            ("shown", Typed),
            ("verified_at", Number),
        ],
    },
    Table {
        name: "credentials",
        columns: &[
            ("id", Id),
            ("user", Id),
            ("kind", Text),
            ("data", Typed),
            ("version", Number),
            ("used_at", Number),
        ],
    },
    Table {
        name: "sessions",
        columns: &[
            ("id", Id),
            ("user", Id),
            ("generation", Number),
            ("kind", Text),
            ("client_id", Text),
            ("parent", Id),
            ("secret_hash", Bytes),
            ("refresh_counter", Number),
            ("refresh_moved_at", Number),
            ("auth_time", Number),
            ("amr", Text),
            ("scope", Text),
            ("audience", Text),
            ("jkt", Text),
            ("remember", Flag),
            ("created_at", Number),
            ("last_seen", Number),
            ("idle_expires_at", Number),
            ("expires_at", Number),
            ("ended_at", Number),
            ("device", Text),
            ("address", Text),
            ("label", Typed),
            ("key_version", Number),
        ],
    },
    Table { name: "attempts", columns: &[("ticket", Id), ("user", Id), ("done", Text), ("end_at", Number)] },
    Table {
        name: "clients",
        columns: &[
            ("id", Id),
            ("name", Typed),
            ("scopes", Text),
            ("secret", Bytes),
            ("previous", Bytes),
            ("created_at", Number),
        ],
    },
    Table {
        name: "keys",
        columns: &[
            ("kid", Text),
            ("algorithm", Text),
            ("sealed", Bytes),
            ("key_version", Number),
            ("created_at", Number),
            ("sign_from", Number),
            ("removed_at", Number),
        ],
    },
    Table {
        name: "log",
        columns: &[
            ("seq", Number),
            ("kind", Text),
            ("id", Text),
            ("generation", Number),
            ("forget_at", Number),
        ],
    },
    Table {
        name: "throttle",
        columns: &[
            ("key", Bytes),
            ("count", Number),
            ("last", Number),
            ("blocked_until", Number),
            ("forget_at", Number),
        ],
    },
    Table {
        name: "audit",
        columns: &[
            ("id", Id),
            ("at", Number),
            ("event", Text),
            ("actor", Text),
            ("user", Id),
            ("session", Id),
            ("address", Text),
            ("detail", Text),
        ],
    },
    META,
];

/// The facts of the installation.
pub(super) const META: Table = Table { name: "meta", columns: &[("key", Text), ("value", Text)] };
