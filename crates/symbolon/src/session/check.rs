//! Checking a cookie, in this order: view, cache, constant-time comparison, times. A miss asks the store: MAC first, then the
//! log's number is noted, then the row is read, and it is kept only if the log says nothing about it since (model F1).
//!
//! Freshness comes before all of it. A node that holds its file alone is always fresh: every ending is applied by the thread that
//! commits it, before anybody is answered. One that is not fresh reads the store, by a read that this check begins, and neither uses
//! nor fills the cache (model rule 5); when the store is out of reach, nobody guesses.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use symbolon_token::{Amr, SessionCookie, Timestamp};
use uuid::Uuid;

use super::cache::CachedSession;
use crate::{
    Symbolon,
    error::{Error, Result},
    store::Kind,
};

/// A session that was live when it was checked. Cloning is cheap.
#[derive(Clone)]
pub struct CheckedSession {
    id: Uuid,
    session: CachedSession,
}

impl CheckedSession {
    /// The session.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whose.
    pub fn user(&self) -> Uuid {
        self.session.user
    }

    /// The user's generation.
    pub fn generation(&self) -> u64 {
        self.session.generation
    }

    /// How it travels: of a session by cookie there is one kind.
    pub fn kind(&self) -> Kind {
        Kind::Browser
    }

    /// How the user proved who they are.
    pub fn amr(&self) -> Arc<[Amr]> {
        self.session.amr()
    }

    /// When they did last.
    pub fn auth_time(&self) -> Timestamp {
        self.session.auth_time
    }

    /// Idle end, as of now.
    pub fn idle_expires_at(&self) -> Timestamp {
        self.session.idle_expires_at
    }

    /// Absolute end.
    pub fn expires_at(&self) -> Timestamp {
        self.session.expires_at
    }
}

/// What memory says of a credential.
pub enum Recalled<T> {
    /// The answer.
    Known(Result<T>),
    /// The store must be asked.
    Unknown,
}

impl Symbolon {
    /// Decides a cookie from memory alone.
    pub fn recall_session(&self, cookie: &SessionCookie) -> Recalled<CheckedSession> {
        let memory = self.0.memory.load();
        let id = cookie.id();
        // A session among a million lies far away. What does not need it is done on the way, and the answer does not depend on it.
        memory.sessions.fetch_place(id);
        if !memory.fresh(&*self.0.clock) {
            return Recalled::Unknown;
        }
        let forgettings = memory.view.forgettings();
        if memory.view.session_ended(id) {
            return Recalled::Known(Err(Error::no_session()));
        }
        memory.sessions.fetch_entry(id);
        let hash = cookie.hash();
        let Some(mut session) = memory.sessions.get(id) else { return Recalled::Unknown };
        // Who it is is what nearly everybody asks next.
        memory.users.fetch_place(session.user);
        if session.epoch != self.0.keyring.epoch() {
            // Its MAC was checked in another time, and none of then counts: the arithmetic decides.
            return Recalled::Unknown;
        }
        if memory.view.user_ended(session.user, session.generation)
            || verify_slices_are_equal(&session.secret_hash, &hash).is_err()
        {
            return Recalled::Known(Err(Error::no_session()));
        }
        if memory.view.forgettings() != forgettings {
            // This check may have paused for so long that the user's end was swept and forgotten between cache and view.
            return Recalled::Unknown;
        }
        let now = self.now();
        if now >= session.expires_at {
            // It leaves: should the clock go back, its row decides.
            memory.sessions.remove(id);
            return Recalled::Known(Err(Error::no_session()));
        }
        if now >= session.idle_expires_at {
            // The row may know of later activity than this memory: an idle end is read again before it is believed.
            return Recalled::Unknown;
        }
        memory.users.fetch_entry(session.user);
        self.touch(&memory, id, &mut session, now);
        Recalled::Known(Ok(CheckedSession { id, session }))
    }

    /// Decides a cookie that memory did not know, or may not decide.
    ///
    /// # Errors
    /// `NoSession`, `Unavailable`.
    pub async fn ask_session(
        &self,
        cookie: &SessionCookie,
        address: Option<IpAddr>,
    ) -> Result<CheckedSession> {
        let genuine = self.genuine_by(|masters| masters.cookie_keys().any(|key| cookie.genuine(key))).await?;
        let Some(masters) = genuine else { return Err(Error::no_session()) };
        let now = self.now();
        if address.is_some_and(|address| self.0.misses.exhausted(address, now)) {
            return Err(Error::no_session());
        }
        let id = cookie.id();
        let memory = self.memory();
        let fresh = memory.fresh(&*self.0.clock);
        let noted = memory.view.last_seq();
        let mut row = self.store().standing_session(id).await?;
        let hash = cookie.hash();
        if let Some(row) = &mut row {
            // It may be in use although the store could not be told.
            self.0.touches.apply(&mut row.session);
        }
        let row = row.filter(|row| row.live(self.now()));
        if row.is_none() {
            // What memory may have kept of it has run out with it.
            memory.sessions.remove(id);
        }
        let live = row.filter(|row| {
            row.session.kind == Kind::Browser
                && row
                    .session
                    .secret_hash
                    .is_some_and(|stored| verify_slices_are_equal(&stored, &hash).is_ok())
        });
        let Some(row) = live else {
            if let Some(address) = address {
                self.0.misses.count(address, now);
            }
            return Err(Error::no_session());
        };
        let mut session = CachedSession::of(&row.session, hash, masters.epoch());
        if fresh {
            let keep = || memory.sessions.insert(id, session.clone());
            memory.view.insert_unless_ended(noted, id, session.user, session.generation, keep);
        }
        // Not kept: something about it happened meanwhile. What the view holds decides; if it says nothing, the read was live.
        if memory.view.session_ended(id) || memory.view.user_ended(session.user, session.generation) {
            return Err(Error::no_session());
        }
        self.touch(&memory, id, &mut session, self.now());
        Ok(CheckedSession { id, session })
    }
}
