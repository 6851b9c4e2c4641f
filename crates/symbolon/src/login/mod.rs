//! Login: an attempt becomes a session, or a token that stands alone.
//!
//! Owns the order: a place in the hashing pool, throttle, then proof, then the mint on condition that the user's generation,
//! `disabled` and the credential's version are still those read before the proof; otherwise the attempt starts again. Refuses to
//! tell an unknown user from a wrong password: same answer, same cost.

pub(crate) mod failures;
pub(crate) mod proof;
pub(crate) mod throttle;

use std::{net::IpAddr, time::Duration};

use subtle::ConstantTimeEq;
use symbolon_token::{KnownBrowser, Proof, SessionCookie, Timestamp};

use crate::{
    Symbolon,
    audit::{Actor, Event},
    clock::random,
    error::{Error, ErrorKind, Result},
    revocation::Ending,
    session::{Issued, device, mint::Start},
    store::{
        Amr, Condition, CredentialRow, End, Limit, LoginRow, Outcome, SessionRow, UserRow, rules::ended,
    },
    token::issue::{TokenAnswer, Wish},
    user::identifier::Identifier,
};

/// An attempt that took longer than this from read to mint starts again: `iat` counts from the read.
pub(crate) const MARGIN: Duration = Duration::from_secs(30);
/// How often an attempt starts again before it gives up.
pub(crate) const ROUNDS: usize = 3;

/// Who calls, as far as the transport knows.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The effective address, for people.
    pub address: String,
    /// An unlisted loopback or private peer, which may speak for many.
    pub shared: bool,
    /// "Firefox on Linux".
    pub device: String,
    /// The key that they proved to have: what they are given is bound to it.
    pub proof: Option<Proof>,
    throttle_name: String,
}

impl Caller {
    /// From the effective address and the `User-Agent` value. IPv6 addresses are throttled by /64, mapped IPv4 ones as IPv4.
    pub fn new(address: IpAddr, shared: bool, user_agent: Option<&str>) -> Self {
        let address = address.to_canonical();
        let throttle_name = match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        let device = device::name(user_agent);
        Self { address: address.to_string(), shared, device, proof: None, throttle_name }
    }

    /// The same, who proved to have a key.
    #[must_use]
    pub fn with_proof(self, proof: Option<Proof>) -> Self {
        Self { proof, ..self }
    }

    /// The thumbprint of the key that they proved to have.
    pub(crate) fn jkt(&self) -> Option<&str> {
        self.proof.as_ref().map(Proof::thumbprint)
    }

    pub(crate) fn throttle_name(&self) -> &str {
        &self.throttle_name
    }
}

/// How the login shall travel.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// A cookie; `remember` makes it persistent.
    Cookie {
        /// Persistent, or until the browser closes.
        remember: bool,
    },
    /// An access token with a refresh chain.
    Token(Wish),
    /// An access token alone; nothing is stored.
    Stateless(Wish),
}

/// An attempt to log in.
pub struct Attempt<'a> {
    /// As typed.
    pub identifier: &'a str,
    /// As typed.
    pub password: &'a str,
    /// How it shall travel.
    pub carrier: Carrier,
    /// A session presented with it, which ends.
    pub presented: Option<&'a SessionCookie>,
    /// The known-browser cookie presented with it.
    pub known: Option<&'a KnownBrowser>,
    /// Who calls.
    pub caller: &'a Caller,
}

/// A login that succeeded.
pub struct LoggedIn {
    /// Who.
    pub user: UserRow,
    /// What the client gets.
    pub issued: Issued,
    /// The known-browser cookie to set (cookie logins).
    pub known: KnownBrowser,
}

impl Symbolon {
    /// Logs in.
    ///
    /// # Errors
    /// `InvalidCredentials`, `InvalidRequest`, `InvalidTarget`, `InvalidScope`, `TooManyAttempts`, `Overloaded`, `Unavailable`.
    pub async fn login(&self, attempt: Attempt<'_>) -> Result<LoggedIn> {
        let Attempt { identifier, password, carrier, presented, known, caller } = attempt;
        let wish = match &carrier {
            Carrier::Cookie { .. } => None,
            Carrier::Token(wish) | Carrier::Stateless(wish) => Some(self.grantable(wish)?),
        };
        let password = proof::presented(password)?;
        let identifier =
            Identifier::parse(identifier).map(|parsed| parsed.canonical().to_owned()).map_err(|_| identifier);
        let name = identifier.as_deref().unwrap_or_else(|typed| typed);
        let mut charged = None;
        let mut unused = wish.as_ref().and(caller.proof.as_ref());
        for _ in 0..ROUNDS {
            let place = match self.place() {
                Ok(place) => place,
                Err(full) => {
                    if let Some(charges) = &charged {
                        self.give_back(charges).await;
                    }
                    return Err(full);
                }
            };
            let began = self.now();
            let row = match &identifier {
                Ok(canonical) => self.store().login_by_identifier(canonical).await?,
                // Not even a name: charged and hashed like one that nobody has.
                Err(_) => None,
            };
            let user = row.as_ref().map(|row| row.user.id);
            let charges = match &charged {
                Some(charges) => charges,
                None => charged.insert(self.charge_attempt(name, user, known, caller).await?),
            };
            let proof = match self.prove(place, password.clone(), row.as_ref()).await {
                Ok(proof) => proof,
                Err(unproven) => {
                    self.give_back(charges).await;
                    return Err(unproven);
                }
            };
            let Some((row, credential)) = proven(row, proof.matches) else {
                return Err(self.failed(user, caller, "login_failed").await?);
            };
            // Only now: proofs that came with a wrong password take no room.
            if let Some(proof) = unused.take()
                && let Err(error) = self.use_up(proof)
            {
                self.give_back(charges).await;
                return Err(error);
            }
            // Asked before the mint, not after it: what is minted and not handed out would live on. What the mint itself takes
            // comes off the token's life.
            if self.now().since(began) > MARGIN {
                continue;
            }
            let over = match presented {
                Some(cookie) => self.presented_session(cookie).await?,
                None => None,
            };
            let start = Start {
                user: &row.user,
                caller,
                at: began,
                amr: vec![Amr { method: "pwd".into(), at: began.as_millis() }],
            };
            let session = match &carrier {
                Carrier::Cookie { remember } => Some(self.browser_session(&start, *remember)),
                Carrier::Token(_) => wish.as_ref().map(|wish| (self.token_session(&start, wish), None)),
                Carrier::Stateless(_) => None,
            };
            let (session, cookie) = session.map_or((None, None), |(session, cookie)| (Some(session), cookie));
            // Signed first: what cannot be signed (a profile field that a token has no room for) must not leave a session behind.
            let issued = match self.issued(&row.user, session.clone(), cookie, wish.as_ref(), caller, began) {
                Ok(issued) => issued,
                Err(error) => {
                    self.give_back(charges).await;
                    return Err(error);
                }
            };
            let done =
                self.mint_login(&row, &credential, session, over, charges.refunds(), caller, began).await?;
            if !done {
                continue;
            }
            if proof.rehash {
                self.rehash(password, &credential).await;
            }
            let masters = self.0.keyring.masters();
            let known = KnownBrowser::mint(row.user.id, random(self.randomness()), masters.known_browser());
            return Ok(LoggedIn { user: row.user, issued, known });
        }
        if let Some(charges) = &charged {
            self.give_back(charges).await;
        }
        Err(Error::later(
            ErrorKind::Overloaded,
            "The account kept changing meanwhile. Try again.",
            Duration::from_secs(1),
        ))
    }

    /// Writes the login, on condition. `false`: the account changed since the proof, nothing happened.
    #[expect(clippy::too_many_arguments, reason = "what one transaction holds")]
    async fn mint_login(
        &self,
        row: &LoginRow,
        credential: &CredentialRow,
        session: Option<SessionRow>,
        over: Option<SessionRow>,
        refunds: Vec<crate::store::Refund>,
        caller: &Caller,
        began: Timestamp,
    ) -> Result<bool> {
        let user = row.user.id;
        let condition = Condition {
            user,
            generation: row.user.generation,
            credential: Some((credential.id, credential.version)),
            predecessor: None,
        };
        let carrier = session.as_ref().map_or("stateless", |session| session.kind.carrier());
        let mut event = Event::new("login", Actor::User(user), Some(&caller.address))
            .user(user)
            .with("carrier", carrier)
            .with("device", caller.device.clone());
        if let Some(session) = &session {
            event = event.session(session.id);
        }
        let mut ending = Ending::nothing(event).on(condition);
        ending.refunds = refunds;
        if let (Some(most), Some(_)) = (self.settings().session.limit, &session) {
            // Whether a session lives is read off its row: activity that waits belongs there first.
            self.flush_touches().await?;
            let event = Event::new("session_ended", Actor::User(user), Some(&caller.address)).user(user);
            let audit = self.audit_row(event.with("by", "limit"), began);
            ending.limit = Some(Limit { most: most.get(), audit });
        }
        let mut ending = ending.minting(session);
        if let Some(over) = over {
            ending.end = Some(End::Session { id: over.id, owner: None });
            let event = Event::new("session_ended", Actor::User(user), Some(&caller.address));
            ending.events.push(event.user(over.user).session(over.id).with("by", "login"));
        }
        match self.transition(ending, began).await? {
            Outcome::Done(_) => Ok(true),
            // The presented session was purged meanwhile: the next round does not find it.
            Outcome::Stale | Outcome::NotFound => Ok(false),
        }
    }

    /// The session of a presented cookie, if it is a real one that was not ended yet: it ends with the login.
    async fn presented_session(&self, cookie: &SessionCookie) -> Result<Option<SessionRow>> {
        if !self.0.keyring.masters().cookie_keys().any(|key| cookie.genuine(key)) {
            return Ok(None);
        }
        let row = self.store().session(cookie.id()).await?.filter(|row| !ended(row)).map(|row| row.session);
        let hash = cookie.hash();
        Ok(row.filter(|row| row.secret_hash.is_some_and(|stored| bool::from(stored.ct_eq(&hash)))))
    }

    /// What the client gets for the login, once it is written.
    fn issued(
        &self,
        user: &UserRow,
        session: Option<SessionRow>,
        cookie: Option<SessionCookie>,
        wish: Option<&Wish>,
        caller: &Caller,
        began: Timestamp,
    ) -> Result<Issued> {
        match (session, cookie) {
            (Some(session), Some(cookie)) => Ok(Issued::Cookie { session: Box::new(session), cookie }),
            (Some(session), None) => self.token_answer(user, &session, None, began).map(Issued::Token),
            (None, _) => {
                let wish = wish.cloned().unwrap_or_default();
                let access_token = self.stateless_token(user, &wish, caller.jkt(), began)?;
                Ok(Issued::Token(TokenAnswer {
                    access_token,
                    expires_in: self.settings().token.access_life,
                    refresh_token: None,
                    session_id: None,
                    scope: wish.scope,
                    bound: caller.proof.is_some(),
                }))
            }
        }
    }

    /// Writes a failure down (see [`failures`]) and answers with the one error there is for it.
    pub(crate) async fn failed(
        &self,
        user: Option<uuid::Uuid>,
        caller: &Caller,
        event: &'static str,
    ) -> Result<Error> {
        let mut event =
            Event::new(event, Actor::Unknown, Some(&caller.address)).with("device", caller.device.clone());
        if let Some(user) = user {
            event = event.user(user);
        }
        self.record_failure(event).await?;
        Ok(Error::invalid_credentials())
    }
}

/// The user and the credential that the right password proved, unless they may not log in.
fn proven(row: Option<LoginRow>, matches: bool) -> Option<(LoginRow, CredentialRow)> {
    let row = row.filter(|row| matches && !row.user.disabled)?;
    let credential = row.credential.clone()?;
    Some((row, credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cr_13_one_bucket_for_a_64_and_for_a_mapped_address() {
        let name = |text: &str| Caller::new(text.parse().unwrap(), false, None).throttle_name;
        assert_eq!(name("2001:db8:1:2:3::1"), name("2001:DB8:1:2:ffff:0:0:9"));
        assert_ne!(name("2001:db8:1:2::1"), name("2001:db8:1:3::1"));
        assert_eq!(name("::ffff:192.0.2.1"), name("192.0.2.1"));
    }
}
