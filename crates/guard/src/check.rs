//! Deciding credentials, behind the extractors of `symbolon-http`. Freshness is asked first, then the view, then a cache; the time last.

use std::{future::Future, net::IpAddr, ops::Range, pin::Pin, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use serde::Deserialize;
use serde_json::json;
use symbolon_http::{Amr, Check, Credential, Identity, Refusal, SessionKind, Settings, ShownProof, Via};
use symbolon_token::{AccessClaims, SessionCookie, SessionMark, Timestamp, TokenRef};
use uuid::Uuid;

use crate::{
    Freshness, Inner, WhenStale,
    memory::{KnownCookie, Memory},
};

const PATIENCE: Duration = Duration::from_secs(5);

/// A token whose text was proven. What every check asks lies in front, in a line or two of memory that most of the time is not near.
#[repr(C)]
pub(crate) struct Proven {
    token: TokenRef,
    /// From when until when it may count.
    life: Range<Timestamp>,
    /// The thumbprint of the key that it is bound to.
    jkt: Option<Box<str>>,
    identity: Identity,
}

pub(crate) type Seen = [u8; 32];

/// A guard as one route wants it.
pub(crate) struct Checker {
    pub(crate) inner: Arc<Inner>,
    pub(crate) freshness: Freshness,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
    #[serde(flatten)]
    login: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    user: User,
    session_id: Option<Uuid>,
    amr: Vec<String>,
    auth_time: At,
    generation: u64,
    expires_at: At,
    idle_expires_at: Option<At>,
    cache_s: u32,
}

/// A time in RFC 3339.
#[derive(Clone, Copy)]
pub(crate) struct At(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(Timestamp::from_millis(at.as_millisecond())))
    }
}

#[derive(Deserialize)]
struct User {
    id: Uuid,
}

impl Check for Checker {
    fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    fn recall(&self, credential: &Credential) -> Option<Result<Identity, Refusal>> {
        match credential {
            Credential::None => Some(Err(Refusal::NoCredential)),
            Credential::Cookie(cookie) => self.recall_cookie(cookie),
            Credential::Bearer(token) => Some(self.recall_token(token)?.and_then(|proven| proven.bare())),
            Credential::Dpop(token, proof) => {
                Some(self.recall_token(token)?.and_then(|proven| self.possessed(&proven, token, proof)))
            }
        }
    }

    fn ask<'a>(
        &'a self,
        credential: &'a Credential,
        _: Option<IpAddr>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send + 'a>> {
        Box::pin(async move {
            match credential {
                Credential::None => Err(Refusal::NoCredential),
                Credential::Cookie(cookie) => self.ask_cookie(cookie).await,
                Credential::Bearer(token) => self.ask_token(token).await?.bare(),
                Credential::Dpop(token, proof) => {
                    let proven = self.ask_token(token).await?;
                    self.possessed(&proven, token, proof)
                }
            }
        })
    }
}

impl Proven {
    /// Shown without a proof: nothing for a token that wants one besides (DP-02).
    fn bare(&self) -> Result<Identity, Refusal> {
        if self.jkt.is_none() { Ok(self.identity.clone()) } else { Err(Refusal::InvalidToken) }
    }
}

impl Checker {
    /// The last question about a bound token: it uses the proof up.
    fn possessed(&self, proven: &Proven, token: &str, proof: &ShownProof) -> Result<Identity, Refusal> {
        let time = (self.inner.now(), self.inner.clock.monotonic());
        self.inner.dpop.possessed(proven.jkt.as_deref(), token, proof, time)?;
        Ok(proven.identity.clone())
    }

    /// Whether the token counts, whoever shows it; `None`: the server must be asked.
    fn recall_token(&self, token: &str) -> Option<Result<Arc<Proven>, Refusal>> {
        if self.freshness == Freshness::Authoritative {
            return None;
        }
        let memory = self.inner.memory.load();
        let fresh = memory.fresh(self.inner.clock.monotonic());
        if self.freshness == Freshness::Local && !fresh {
            match self.inner.when_stale {
                WhenStale::Refuse => return Some(Err(Refusal::Unavailable)),
                WhenStale::Ask => return None,
                WhenStale::AcceptUntilExpiry => {}
            }
        }
        let proven = match self.prove(token) {
            Some(proven) => proven,
            // A key that is new, perhaps.
            None if self.inner.keys.loaded().misses_key_of(token) => return None,
            None => return Some(Err(Refusal::InvalidToken)),
        };
        let ended = self.freshness == Freshness::Local && memory.view.ends(&proven.token);
        Some(if !ended && self.in_time(&memory, &proven) { Ok(proven) } else { Err(Refusal::InvalidToken) })
    }

    async fn ask_token(&self, token: &str) -> Result<Arc<Proven>, Refusal> {
        let inner = &self.inner;
        if self.prove(token).is_none() {
            inner.keys.search(&inner.nodes, token, inner.clock.monotonic()).await;
        }
        let proven = self.prove(token).ok_or(Refusal::InvalidToken)?;
        match self.recall_token(token) {
            Some(answer) => return answer,
            None if self.freshness == Freshness::Signature => return Err(Refusal::InvalidToken),
            None => {}
        }
        let answer = self.ask_server(&json!({ "token": token })).await?;
        let good = answer.active && self.in_time(&self.inner.memory.load(), &proven);
        if good { Ok(proven) } else { Err(Refusal::InvalidToken) }
    }

    /// Signature, form, issuer and audience, by memory of the whole text or anew.
    fn prove(&self, token: &str) -> Option<Arc<Proven>> {
        let seen = seen(token);
        if let Some(proven) = self.inner.tokens.get(&seen) {
            return Some(proven);
        }
        let loaded = self.inner.keys.loaded();
        let (claims, kid) = loaded.verifier.authenticate(token).ok()?;
        let proven = Arc::new(Proven {
            token: TokenRef::of(&claims, &kid),
            life: loaded.verifier.life(&claims),
            identity: by_bearer(&claims),
            jkt: claims.cnf.map(|bound| bound.jkt.into()),
        });
        self.inner.tokens.insert(seen, Arc::clone(&proven));
        Some(proven)
    }

    /// Asked after the view.
    fn in_time(&self, memory: &Memory, proven: &Proven) -> bool {
        proven.life.contains(&memory.view.judging(self.inner.now()))
    }

    fn recall_cookie(&self, cookie: &SessionCookie) -> Option<Result<Identity, Refusal>> {
        if self.freshness == Freshness::Authoritative {
            return None;
        }
        let memory = self.inner.memory.load();
        let now = self.inner.clock.monotonic();
        if !memory.fresh(now) {
            // A cookie says nothing by itself: without the server there is nothing to accept it by.
            let refuses = self.inner.when_stale == WhenStale::Refuse;
            return refuses.then_some(Err(Refusal::Unavailable));
        }
        let known = memory.cookies.get(&cookie.id())?;
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(&known.hash, &cookie.hash()).is_ok();
        if !memory.lives(&known.identity) || !same {
            return Some(Err(Refusal::NoSession));
        }
        let wall = self.inner.now();
        let over = wall >= known.identity.expires_at
            || known.identity.idle_expires_at.is_some_and(|end| wall >= end);
        (now < known.until && !over).then(|| Ok(known.identity.clone()))
    }

    async fn ask_cookie(&self, cookie: &SessionCookie) -> Result<Identity, Refusal> {
        let memory = self.inner.memory.load_full();
        let fresh = memory.fresh(self.inner.clock.monotonic());
        let (noted, began) = (memory.view.last_seq(), self.inner.clock.monotonic());
        let answer = self.ask_server(&json!({ "cookie": cookie.reveal() })).await?;
        let Some(login) = answer.login.filter(|_| answer.active) else { return Err(Refusal::NoSession) };
        let until = began + Duration::from_secs(login.cache_s.into());
        let identity = by_cookie(&login);
        if fresh {
            memory.keep(
                noted,
                cookie,
                KnownCookie { identity: identity.clone(), hash: cookie.hash(), until },
            );
        }
        if memory.lives(&identity) { Ok(identity) } else { Err(Refusal::NoSession) }
    }

    async fn ask_server(&self, question: &serde_json::Value) -> Result<Answer, Refusal> {
        let asked = self.inner.nodes.post("/v1/check", question, PATIENCE).await;
        let body = asked.map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the server could not be asked for a login"
            );
            Refusal::Unavailable
        })?;
        serde_json::from_slice(&body).map_err(|error| {
            tracing::error!(%error, "the server's answer about a login cannot be read");
            Refusal::Unavailable
        })
    }
}

fn seen(token: &str) -> Seen {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

fn by_bearer(claims: &AccessClaims) -> Identity {
    let (auth_time, expires_at) = (Timestamp::from_secs(claims.auth_time), Timestamp::from_secs(claims.exp));
    Identity {
        user_id: claims.sub,
        generation: claims.r#gen,
        session_id: claims.sid,
        kind: claims.kind.map(|SessionMark::Grant| SessionKind::Grant),
        via: Via::Bearer,
        amr: claims.amr.iter().map(|method| Amr { method: method.clone().into(), at: auth_time }).collect(),
        auth_time,
        expires_at,
        idle_expires_at: None,
        scope: claims.scope.as_deref().map(Arc::from),
        client_id: Some(claims.client_id.as_str().into()),
        jti: Some(claims.jti),
        token_expires: Some(expires_at),
    }
}

fn by_cookie(login: &Login) -> Identity {
    let time = |At(at): At| at;
    let auth_time = time(login.auth_time);
    Identity {
        user_id: login.user.id,
        generation: login.generation,
        session_id: login.session_id,
        kind: Some(SessionKind::Browser),
        via: Via::Cookie,
        amr: login.amr.iter().map(|method| Amr { method: method.clone().into(), at: auth_time }).collect(),
        auth_time,
        expires_at: time(login.expires_at),
        idle_expires_at: login.idle_expires_at.map(time),
        scope: None,
        client_id: None,
        jti: None,
        token_expires: None,
    }
}
