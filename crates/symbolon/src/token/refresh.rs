//! Refresh: a counter and a MAC, nothing stored per token. An honest client is never logged out; a thief ends the session.

use symbolon_token::{RefreshToken, Timestamp};

use super::issue::{TokenAnswer, subset};
use crate::{
    Symbolon,
    audit::{Actor, Event},
    error::{Error, ErrorKind, Result},
    login::{Caller, MARGIN, ROUNDS},
    revocation::Ending,
    store::{End, Kind, RefreshRequest, Refreshed, SessionRow, SessionWithUser},
};

impl Symbolon {
    /// The successor of a refresh token, and an access token. `scope` may narrow the session's.
    ///
    /// # Errors
    /// `InvalidGrant` for anything that is not the chain's last token (theft ends the session); `InvalidScope`, `InvalidProof` and
    /// the others of [`Symbolon::check_bound_token`] (nothing moved); `Unavailable`.
    pub async fn refresh(&self, text: &str, scope: Option<&str>, caller: &Caller) -> Result<TokenAnswer> {
        let token = RefreshToken::parse(text).ok_or_else(Error::invalid_grant)?;
        let genuine = self.genuine_by(|masters| masters.refresh_keys().any(|key| token.genuine(key))).await?;
        if genuine.is_none() {
            return Err(Error::invalid_grant());
        }
        let mut unused = caller.proof.as_ref();
        for _ in 0..ROUNDS {
            let began = self.now();
            // A read first: what is dead, or asks for too much, moves nothing and writes nothing.
            let row = self
                .store()
                .session(token.id())
                .await?
                .filter(|row| row.live(began) && row.session.kind != Kind::Browser);
            let row = row.ok_or_else(Error::invalid_grant)?;
            let granted: Vec<String> =
                row.session.scope.as_deref().unwrap_or_default().split(' ').map(str::to_owned).collect();
            let narrowed = subset(scope, &granted)?;
            // A chain that began with a proof goes on with proofs of the same key, and with no others.
            match (row.session.jkt.as_deref(), caller.jkt()) {
                (None, _) => {}
                (Some(_), None) => return Err(Error::invalid_proof()),
                (Some(bound), Some(shown)) if bound == shown => {}
                (Some(_), Some(_)) => return Err(Error::invalid_grant()),
            }
            // What cannot be issued moves nothing either: a token that was moved and not handed out would look stolen later.
            self.answer(&row, narrowed.as_deref(), caller, began)?;
            if let Some(proof) = unused.take() {
                self.use_up(proof)?;
            }
            // Asked before the move, never after it: a second try would show a used token and be taken for a thief.
            if self.now().since(began) > MARGIN {
                continue;
            }
            let request = RefreshRequest {
                session: token.id(),
                presented: token.counter(),
                now: began,
                grace_ms: i64::try_from(self.settings().token.refresh_grace.as_millis()).unwrap_or(i64::MAX),
                idle_expires_at: began.plus(self.lives(row.session.kind).0),
            };
            let (engine, caller) = (self.clone(), caller.clone());
            let moving = async move { engine.move_on(request, narrowed.as_deref(), &caller, began).await };
            // To its end, whether anybody still waits for it or not: a thief who hangs up in time has ended the session all the same.
            return tokio::spawn(moving)
                .await
                .map_err(|error| Error::caused(ErrorKind::Internal, "A refresh broke off.", error))?;
        }
        Err(Error::slow())
    }

    /// What the store thinks of a token that is genuine, and what follows from it.
    async fn move_on(
        &self,
        request: RefreshRequest,
        scope: Option<&str>,
        caller: &Caller,
        began: Timestamp,
    ) -> Result<TokenAnswer> {
        match self.store().refresh(request).await? {
            Refreshed::Issue(row) => self.answer(&row, scope, caller, began),
            Refreshed::Dead => Err(Error::invalid_grant()),
            Refreshed::Reused(row) => {
                Err(self.end_chain(&row.session, "refresh_reused", "theft", caller).await?)
            }
            Refreshed::Ahead(row) => {
                Err(self.end_chain(&row.session, "refresh_ahead", "the store lost a commit", caller).await?)
            }
        }
    }

    /// What is handed out. In a session's last second there is no whole one left for a token: it is as good as over.
    fn answer(
        &self,
        row: &SessionWithUser,
        scope: Option<&str>,
        caller: &Caller,
        began: Timestamp,
    ) -> Result<TokenAnswer> {
        self.token_answer_for(&row.user, &row.session, scope, caller.jkt(), began).map_err(|error| {
            if error.kind() == ErrorKind::NoSession { Error::invalid_grant() } else { error }
        })
    }

    async fn end_chain(
        &self,
        session: &SessionRow,
        event: &'static str,
        why: &'static str,
        caller: &Caller,
    ) -> Result<Error> {
        let event = Event::new(event, Actor::Unknown, Some(&caller.address))
            .user(session.user)
            .session(session.id)
            .with("reason", why);
        let ended = self.end(Ending::of(End::Session { id: session.id, owner: None }, event)).await;
        match ended {
            Ok(_) => Ok(Error::invalid_grant()),
            // Ended and purged meanwhile: as dead as it should be.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Error::invalid_grant()),
            Err(error) => Err(error),
        }
    }
}
