//! From configuration to engine and router: the one place where settings of one are turned into settings of the other.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use symbolon::{
    Symbolon,
    clock::{SystemClock, SystemRandomness},
    keyring::{MasterKeys, file},
    limits::{DpopSettings, SessionSettings, Settings, ThrottleSettings, TokenSettings},
    password::{hasher::HasherSettings, params::Argon2Params},
    store::{Store, ThrottleRule},
};
use symbolon_axum::{Auth, Options};

use crate::config::{Config, MasterKey, Registration, StoreUrl};

/// Opens the engine. `issuer` is that of the bound address; `owner` is what a second process is told of this one.
///
/// # Errors
/// A sentence that says what is wrong and, where it is known, what to do.
pub async fn engine(config: &Config, issuer: &str, owner: &str) -> Result<Symbolon> {
    let mut builder = Symbolon::builder(issuer).settings(settings(config, issuer)?).owner(owner);
    match &config.store.url {
        StoreUrl::Sqlite(folder) => builder = builder.data(&data(config, folder.as_deref())),
        StoreUrl::Memory => {}
        StoreUrl::Postgres(url) => {
            builder = builder.postgres(config.store.postgres(url)).data(&data(config, None));
        }
    }
    match &config.master_key {
        MasterKey::InData => {}
        MasterKey::File(path) => builder = builder.master_key_file(path),
        MasterKey::Environment(text) => builder = builder.master_keys(environment(text)?),
    }
    Ok(builder.open().await?)
}

/// The master keys of an installation that is there: none is made.
///
/// # Errors
/// When they cannot be had, in a sentence that says why.
pub fn master_keys(config: &Config, data: &Path) -> Result<MasterKeys> {
    let path = match &config.master_key {
        MasterKey::Environment(text) => return environment(text),
        MasterKey::File(path) => path.clone(),
        MasterKey::InData => data.join(file::FILE),
    };
    Ok(MasterKeys::from_file(&path, false, &SystemRandomness)?)
}

fn environment(text: &str) -> Result<MasterKeys> {
    MasterKeys::parse(text).context("SYMBOLON_MASTER_KEY is not usable")
}

/// Opens the engine over a store that is open already.
///
/// # Errors
/// As [`engine`].
pub async fn engine_over(
    config: &Config,
    issuer: &str,
    store: Arc<dyn Store>,
    master: MasterKeys,
) -> Result<Symbolon> {
    let settings = settings(config, issuer)?;
    Ok(Symbolon::open(settings, store, master, Arc::new(SystemClock), Arc::new(SystemRandomness)).await?)
}

/// The data folder: the store's, else `server.data`.
pub fn data(config: &Config, folder: Option<&Path>) -> PathBuf {
    folder.map_or_else(|| config.server.data.clone(), Path::to_owned)
}

/// The HTTP surface of an engine.
///
/// # Errors
/// When a setting is malformed; the message names it.
pub fn auth(config: &Config, engine: Symbolon) -> Result<Auth> {
    let options = Options {
        cookie_name: config.cookie.name.clone(),
        csrf_trusted_origins: config
            .csrf
            .trusted_origins
            .iter()
            .map(|origin| origin.as_str().to_owned())
            .collect(),
        cors_origins: config.cors.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
        bearer_body: config.bearer.body,
        bearer_query: config.bearer.query,
        clear_site_data: config.logout.clear_site_data,
        trusted_proxies: config
            .server
            .trusted_proxies
            .iter()
            .map(|network| (network.address(), network.prefix()))
            .collect(),
        home: true,
        explore: config.explore,
    };
    Ok(Auth::new(engine, options)?)
}

/// The engine's settings.
///
/// # Errors
/// When Argon2 refuses its parameters.
pub fn settings(config: &Config, issuer: &str) -> Result<Settings> {
    let Config { token, session, password, throttle, users, .. } = config;
    let params = Argon2Params::new(password.argon2_m, password.argon2_t, password.argon2_p)
        .or_else(|_| {
            Argon2Params::dangerously_below_the_floor(password.argon2_m, password.argon2_t, password.argon2_p)
        })
        .context("[password] argon2_m, argon2_t and argon2_p")?;
    let base = Settings::new(issuer);
    Ok(Settings {
        token: TokenSettings {
            algorithm: token.algorithm,
            client_id: token.client_id.clone(),
            audiences: token.audiences.clone(),
            scopes: token.scopes.clone(),
            claims: token.claims.0.clone(),
            access_life: token.access_life,
            leeway: token.leeway,
            refresh_grace: token.refresh_grace,
            refresh_idle: token.refresh_idle,
            refresh_absolute: token.refresh_absolute,
            rotate_every: token.rotate_every,
            publish_before: token.publish_before,
        },
        session: SessionSettings {
            idle: session.idle,
            absolute: session.absolute,
            fresh: session.fresh,
            limit: session.limit,
        },
        session_cache: session.cache,
        dpop: DpopSettings {
            nonces: config.dpop.nonces,
            nonce_key: config.dpop.nonce_key.as_deref().copied(),
        },
        password_min_length: password.min_length,
        hashing: HasherSettings { threads: password.hashing_threads, queue: password.hashing_queue, params },
        registration_open: matches!(users.registration, Registration::Open),
        lease: config.lease.duration,
        throttle: ThrottleSettings {
            account: rule(
                throttle.account_tries,
                throttle.account_block,
                throttle.account_block_max,
                throttle.account_memory,
            ),
            address: rule(
                throttle.address_tries,
                throttle.address_block,
                throttle.address_block,
                throttle.address_memory,
            ),
            registration: ThrottleRule { free: throttle.registrations, ..base.throttle.registration },
            shared_factor: throttle.private_factor,
            misses_per_minute: throttle.lookups,
            most: throttle.accounts,
        },
        token_cache: token.cache,
        ..base
    })
}

fn rule(free: u32, block: Duration, most: Duration, memory: Duration) -> ThrottleRule {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    ThrottleRule { free, block_ms: millis(block), max_block_ms: millis(most), forget_ms: millis(memory) }
}

/// The runtime that a verb runs on.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the runtime could not be started")
}

/// Everything this process answers: the router at the root, or under the issuer's path with the root's documents beside it.
pub fn router(auth: &Auth, path: &str) -> axum::Router {
    let all = if path.is_empty() {
        auth.router()
    } else {
        axum::Router::new().nest(path, auth.router()).merge(auth.well_known())
    };
    all.fallback_service(auth.fallback())
}
