//! Introspection (RFC 7662) and revocation (RFC 7009) of whatever token somebody holds.

use symbolon_token::{AccessClaims, RefreshToken, Timestamp};
use uuid::Uuid;

use crate::{
    Symbolon,
    audit::{Actor, Event},
    error::{Error, ErrorKind, Result},
    login::Caller,
    revocation::Ending,
    store::{End, Kind, SessionRow},
};

/// What a token is, for whoever may know.
pub enum Introspection {
    /// A live access token.
    Access(Box<AccessClaims>),
    /// A live refresh token.
    Refresh(Box<SessionRow>),
    /// Anything else.
    Inactive,
}

impl Symbolon {
    /// What `text` is: an access or refresh token of ours that counts now, or nothing.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn introspect(&self, text: &str) -> Result<Introspection> {
        if let Some((claims, kid)) = self.0.keyring.authenticate_any_audience(text, self.now()) {
            return Ok(if self.counts(&claims, &kid).await? {
                Introspection::Access(Box::new(claims))
            } else {
                Introspection::Inactive
            });
        }
        let Some(token) = self.genuine_refresh(text) else { return Ok(Introspection::Inactive) };
        let row = self.store().session(token.id()).await?.filter(|row| row.live(self.now()));
        let grace_ms = i64::try_from(self.settings().token.refresh_grace.as_millis()).unwrap_or(i64::MAX);
        let usable = row.filter(|row| {
            use crate::store::rules::{Move, refresh};
            matches!(refresh(&row.session, token.counter(), self.now(), grace_ms), Move::Same | Move::Next)
        });
        Ok(usable.map_or(Introspection::Inactive, |row| Introspection::Refresh(Box::new(row.session))))
    }

    /// Revokes a token by its holder: an access token ends alone, a refresh token with its session. Unknown ones are no error. A
    /// caller that authenticated as a `client` may revoke only its own client's tokens.
    ///
    /// # Errors
    /// `InvalidGrant` when the token is another client's (no effect), `Unavailable`.
    pub async fn revoke(&self, text: &str, client: Option<Uuid>, caller: &Caller) -> Result<()> {
        let foreign = || Error::new(ErrorKind::InvalidGrant, "The token was not issued to this client.");
        if let Some((claims, kid)) = self.0.keyring.authenticate_any_audience(text, self.now()) {
            if client.is_some_and(|client| client.to_string() != claims.client_id) {
                return Err(foreign());
            }
            let from = Timestamp::from_secs(claims.iat);
            // Issued by a clock that was set back since (ST-17): it would count later.
            let early = self.now() < from && !self.memory().view.token_ended(claims.jti);
            if early {
                self.0.keyring.issues_at(from);
            }
            if early || self.counts(&claims, &kid).await? {
                return self.end_token(claims.jti, claims.sub, claims.sid, caller).await;
            }
            // Somebody else may be ending it: not before that has come to everybody.
            return self.settled().await;
        }
        let Some(token) = self.genuine_refresh(text) else { return Ok(()) };
        let Some(row) =
            self.store().session(token.id()).await?.filter(|row| row.session.kind != Kind::Browser)
        else {
            return Ok(());
        };
        if client.is_some_and(|client| Some(client.to_string()) != row.session.client_id) {
            return Err(foreign());
        }
        let user = row.user.id;
        let event = Event::new("session_ended", Actor::User(user), Some(&caller.address))
            .user(user)
            .session(row.session.id)
            .with("by", "revoke");
        match self.end(Ending::of(End::Session { id: row.session.id, owner: None }, event)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            ended => ended.map(drop),
        }
    }

    /// Ends one access token; its session, when it has one, goes on.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn end_token(
        &self,
        jti: Uuid,
        user: Uuid,
        session: Option<Uuid>,
        caller: &Caller,
    ) -> Result<()> {
        let event = Event::new("token_ended", Actor::User(user), Some(&caller.address)).user(user);
        let event = match session {
            Some(session) => event.session(session),
            None => event,
        };
        self.end(Ending::of(End::Token { jti }, event)).await.map(drop)
    }

    fn genuine_refresh(&self, text: &str) -> Option<RefreshToken> {
        RefreshToken::parse(text)
            .filter(|token| self.0.keyring.masters().refresh_keys().any(|key| token.genuine(key)))
    }
}
