//! Sessions: one login on one device, until it ends.
//!
//! Owns minting, checking from memory, activity, the list, and renewals (a new secret is a successor, minted as the old session
//! ends). Refuses: a session of another generation than its user's, wherever it is read; a made-up cookie, by arithmetic.

pub(crate) mod cache;
pub mod check;
pub(crate) mod device;
#[cfg(test)]
mod measure;
pub(crate) mod mint;
pub(crate) mod misses;
pub mod renew;
pub(crate) mod touch;

use symbolon_token::{SessionCookie, Timestamp};
use uuid::Uuid;

use crate::{
    Symbolon,
    audit::{Actor, Event},
    error::{Error, Result},
    login::Caller,
    revocation::Ending,
    store::{End, SessionRow, SessionWithUser},
    token::issue::TokenAnswer,
};

pub use check::{CheckedSession, Recalled};

/// What a login or a renewal gives the client.
pub enum Issued {
    /// A session and its secret.
    Cookie {
        /// The row.
        session: Box<SessionRow>,
        /// The secret, once.
        cookie: SessionCookie,
    },
    /// Tokens.
    Token(TokenAnswer),
}

/// How a caller showed its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By cookie.
    Cookie,
    /// By access token.
    Bearer,
}

impl Symbolon {
    /// A session that lives now, from the store, with activity that the store does not know yet.
    ///
    /// # Errors
    /// `NoSession` when it does not, `Unavailable`.
    pub async fn live_session(&self, id: Uuid) -> Result<SessionWithUser> {
        let mut row = self.store().session(id).await?;
        if let Some(row) = &mut row {
            self.0.touches.apply(&mut row.session);
        }
        row.filter(|row| self.stands_at(row, self.now())).ok_or_else(Error::no_session)
    }

    /// A session, for what the store does on condition that it lives at `now`. One whose row has run out may live on by activity that
    /// waits: that is written first.
    pub(crate) async fn live_at(&self, id: Uuid, now: Timestamp) -> Result<Option<SessionWithUser>> {
        let row = self.store().session(id).await?;
        let waits =
            row.as_ref().is_some_and(|row| now >= row.session.idle_expires_at) && self.0.touches.hold(id);
        if !waits {
            return Ok(row.filter(|row| self.stands_at(row, now)));
        }
        self.flush_touches().await?;
        Ok(self.store().session(id).await?.filter(|row| self.stands_at(row, now)))
    }

    /// Whether it lives. Read as from one whose master key was dropped: what made its MACs counts no more, nor does it.
    fn stands_at(&self, row: &SessionWithUser, now: Timestamp) -> bool {
        row.live(now) && self.0.keyring.masters().knows(row.session.key_version)
    }

    /// The user's live sessions, newest first, all carriers and grants.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sessions(&self, user: Uuid) -> Result<Vec<SessionRow>> {
        self.sessions_written().await?;
        let mut rows = self.store().sessions_of(user, self.now()).await?;
        let masters = self.0.keyring.masters();
        rows.retain(|row| masters.knows(row.key_version));
        Ok(rows)
    }

    /// Writes activity that waits in memory, so that a list shows it.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn sessions_written(&self) -> Result<()> {
        self.flush_touches().await
    }

    /// Ends one session of `owner` (or of anybody, for an administrator). One that has ended before is no error.
    ///
    /// # Errors
    /// `NotFound` when there is no such session of the owner's, `Unavailable`.
    pub async fn end_session(
        &self,
        id: Uuid,
        owner: Option<Uuid>,
        actor: Actor,
        caller: Option<&Caller>,
    ) -> Result<()> {
        let event =
            Event::new("session_ended", actor, caller.map(|caller| caller.address.as_str())).session(id);
        let event = match owner {
            Some(owner) => event.user(owner),
            None => match self.store().session(id).await? {
                Some(row) => event.user(row.user.id),
                None => return Err(Error::not_found()),
            },
        };
        self.end(Ending::of(End::Session { id, owner }, event)).await.map(drop)
    }

    /// Logs out: ends the caller's own session.
    ///
    /// # Errors
    /// `NoSession` when it had ended already, `Unavailable`.
    pub async fn logout(&self, session: Uuid, user: Uuid, caller: &Caller) -> Result<()> {
        let event =
            Event::new("logout", Actor::User(user), Some(&caller.address)).user(user).session(session);
        let ended = self.end(Ending::of(End::Session { id: session, owner: Some(user) }, event)).await;
        match ended {
            Ok(done) if done.entries.is_empty() => Err(Error::no_session()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Err(Error::no_session()),
            Err(error) => Err(error),
        }
    }

    /// Ends everything of a user: sessions, tokens, grants.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn end_all(&self, user: Uuid, actor: Actor, caller: Option<&Caller>) -> Result<()> {
        let event = Event::new("all_ended", actor, caller.map(|caller| caller.address.as_str())).user(user);
        self.end(Ending::of(End::User(user), event)).await.map(drop)
    }
}
