//! Every number and name that an operator may set, with the defaults of the house. Floors and ceilings are the configuration's
//! business; here a value is taken as it comes.

use std::{fmt, num::NonZeroUsize, time::Duration};

use symbolon_token::Algorithm;

use crate::{password::hasher::HasherSettings, store::ThrottleRule};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How the engine behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `iss` of every token, and an audience by itself. An origin, with a path when mounted under a prefix.
    pub issuer: String,
    /// Tokens.
    pub token: TokenSettings,
    /// Sender-constrained tokens.
    pub dpop: DpopSettings,
    /// Sessions by cookie.
    pub session: SessionSettings,
    /// Least length of a password in code points.
    pub password_min_length: usize,
    /// Words a password must not be made of, besides the list: the service's name.
    pub service_words: Vec<String>,
    /// The hashing pool.
    pub hashing: HasherSettings,
    /// Whether strangers may register.
    pub registration_open: bool,
    /// Throttling.
    pub throttle: ThrottleSettings,
    /// How long a guard may decide from memory without hearing from the store: what a dead one holds up endings for, once.
    pub lease: Duration,
    /// How long audit rows are kept.
    pub audit_keep: Duration,
    /// How many sessions are kept in memory at most.
    pub session_cache: usize,
    /// How many users are kept in memory at most.
    pub user_cache: usize,
    /// Bytes that access tokens proven before may take in memory; 0 keeps none.
    pub token_cache: usize,
}

/// Tokens.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// What new keys are made for.
    pub algorithm: Algorithm,
    /// The public first-party client.
    pub client_id: String,
    /// Audiences that may be asked for, besides the issuer.
    pub audiences: Vec<String>,
    /// Scopes that may be asked for.
    pub scopes: Vec<String>,
    /// Profile fields that go into access tokens: claim, field.
    pub claims: Vec<(String, String)>,
    /// Life of an access token.
    pub access_life: Duration,
    /// Leeway for `exp` and `nbf`.
    pub leeway: Duration,
    /// How long a used refresh token answers with its successor.
    pub refresh_grace: Duration,
    /// Idle end of a refresh chain.
    pub refresh_idle: Duration,
    /// Absolute end of a refresh chain.
    pub refresh_absolute: Duration,
    /// Age at which a key is replaced.
    pub rotate_every: Duration,
    /// How long a key is published before it signs.
    pub publish_before: Duration,
}

/// Sender-constrained tokens (RFC 9449).
#[derive(Clone, Default)]
pub struct DpopSettings {
    /// Whether proofs must repeat a nonce of this process.
    pub nonces: bool,
    /// The key of nonces that several processes make and take; implies them.
    pub nonce_key: Option<[u8; 32]>,
}

impl fmt::Debug for DpopSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.nonce_key.is_some();
        f.debug_struct("DpopSettings").field("nonces", &self.nonces).field("shared", &shared).finish()
    }
}

/// Sessions by cookie.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Idle end.
    pub idle: Duration,
    /// Absolute end.
    pub absolute: Duration,
    /// How old a login may be to count as fresh.
    pub fresh: Duration,
    /// How many logins of a user may live at once, by cookie and by token with refresh; the oldest end for a new one. `None`: any number.
    pub limit: Option<NonZeroUsize>,
}

/// Throttling. A shared peer (an unlisted proxy, as it seems) is charged as one address with `shared_factor` times the limits.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleSettings {
    /// Wrong passwords of one account.
    pub account: ThrottleRule,
    /// Wrong passwords from one address.
    pub address: ThrottleRule,
    /// Registrations from one address.
    pub registration: ThrottleRule,
    /// Charges that a shared peer has for each one of an address.
    pub shared_factor: u32,
    /// Store lookups that find nothing, a minute and address.
    pub misses_per_minute: u32,
    /// Counters kept at most.
    pub most: usize,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Es256,
            client_id: "symbolon".into(),
            audiences: Vec::new(),
            scopes: Vec::new(),
            claims: Vec::new(),
            access_life: Duration::from_secs(5 * MINUTE),
            leeway: Duration::from_secs(30),
            refresh_grace: Duration::from_secs(30),
            refresh_idle: Duration::from_secs(14 * DAY),
            refresh_absolute: Duration::from_secs(30 * DAY),
            rotate_every: Duration::from_secs(90 * DAY),
            publish_before: Duration::from_secs(DAY),
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(7 * DAY),
            absolute: Duration::from_secs(30 * DAY),
            fresh: Duration::from_secs(5 * MINUTE),
            limit: None,
        }
    }
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        let millis = |seconds: u64| i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        let rule = |free, block, max_block, forget| ThrottleRule {
            free,
            block_ms: millis(block),
            max_block_ms: millis(max_block),
            forget_ms: millis(forget),
        };
        Self {
            account: rule(5, 30, HOUR, DAY),
            address: rule(10, 10 * MINUTE, 10 * MINUTE, 10 * MINUTE),
            registration: rule(10, HOUR, HOUR, HOUR),
            shared_factor: 100,
            misses_per_minute: 100,
            most: 100_000,
        }
    }
}

impl Settings {
    /// The defaults for an issuer.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            token: TokenSettings::default(),
            dpop: DpopSettings::default(),
            session: SessionSettings::default(),
            password_min_length: 15,
            service_words: vec!["symbolon".into()],
            hashing: HasherSettings::default(),
            registration_open: true,
            throttle: ThrottleSettings::default(),
            lease: Duration::from_secs(3),
            audit_keep: Duration::from_secs(400 * DAY),
            session_cache: 1_000_000,
            user_cache: 100_000,
            token_cache: 64 * 1024 * 1024,
        }
    }
}
