//! A node of a simulation: an engine over its link.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use symbolon::{
    ErrorKind, Symbolon,
    keyring::{MasterKey, MasterKeys},
    limits::{Settings, TokenSettings},
    login::Caller,
    password::{hasher::HasherSettings, params::Argon2Params},
    session::Recalled,
};
use symbolon_token::SessionCookie;

use crate::{
    database::{Database, Link, Port},
    seed::{Chance, DriftingClock},
};

pub(crate) struct Node {
    pub(crate) engine: Symbolon,
    pub(crate) link: Arc<Link>,
    pub(crate) clock: Arc<DriftingClock>,
}

pub(crate) fn caller() -> Caller {
    Caller::new(IpAddr::from([192, 0, 2, 1]), false, None)
}

impl Node {
    pub(crate) async fn start(
        database: &Arc<Database>,
        chance: &Arc<Chance>,
        master: &MasterKey,
        since: tokio::time::Instant,
    ) -> Self {
        Self::start_with(database, chance, master.clone().into(), since).await.unwrap()
    }

    pub(crate) async fn start_with(
        database: &Arc<Database>,
        chance: &Arc<Chance>,
        masters: MasterKeys,
        since: tokio::time::Instant,
    ) -> symbolon::Result<Self> {
        Self::with_clock(database, chance, masters, DriftingClock::of(chance, since)).await
    }

    pub(crate) async fn with_clock(
        database: &Arc<Database>,
        chance: &Arc<Chance>,
        masters: MasterKeys,
        clock: DriftingClock,
    ) -> symbolon::Result<Self> {
        let params = Argon2Params::dangerously_weak_for_tests();
        let settings = Settings {
            hashing: HasherSettings { threads: 1, queue: 200, params },
            // So short that the log forgets within a history.
            token: TokenSettings { access_life: Duration::from_secs(60), ..TokenSettings::default() },
            ..Settings::new("https://id.example")
        };
        let (link, clock) = (Link::to(database, chance), Arc::new(clock));
        let port = Arc::new(Port(Arc::clone(&link)));
        let randomness = Arc::clone(chance) as _;
        let engine = Symbolon::open(settings, port, masters, Arc::clone(&clock) as _, randomness).await?;
        Ok(Self { engine, link, clock })
    }

    pub(crate) fn misbehaves(&self, does: bool) {
        self.link.calm.store(!does, Ordering::SeqCst);
    }
}

/// A check as the extractors do it; `None`: nobody can say.
pub(crate) async fn check_cookie(engine: &Symbolon, cookie: &SessionCookie) -> Option<bool> {
    let answer = match engine.recall_session(cookie) {
        Recalled::Known(answer) => answer,
        Recalled::Unknown => engine.ask_session(cookie, None).await,
    };
    said(answer.map(drop))
}

pub(crate) async fn check_token(engine: &Symbolon, token: &str) -> Option<bool> {
    let answer = match engine.check_token(token) {
        Err(error) if error.kind() == ErrorKind::Unavailable => engine.ask_token(token).await,
        known => known,
    };
    said(answer.map(drop))
}

fn said(answer: symbolon::Result<()>) -> Option<bool> {
    match answer {
        Ok(()) => Some(true),
        Err(error) if error.kind() == ErrorKind::Unavailable => None,
        Err(_) => Some(false),
    }
}
