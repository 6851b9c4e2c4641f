//! Issuing access tokens.

use std::time::Duration;

use symbolon_token::{
    AccessClaims, Audience, Confirmation, KeyErrorKind, RefreshToken, SessionMark, Timestamp,
};

use crate::{
    Symbolon,
    clock::plausible,
    error::{Error, ErrorKind, Result},
    login::{MARGIN, ROUNDS},
    store::{Kind, Object, SessionRow, UserRow},
};

/// What a client asks a token for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// For whom; empty for the issuer.
    pub audience: Vec<String>,
    /// For what; space-separated.
    pub scope: Option<String>,
}

/// The answer of every call that issues tokens (RFC 6749 §5.1).
#[derive(Clone)]
pub struct TokenAnswer {
    /// The JWT.
    pub access_token: String,
    /// Its life.
    pub expires_in: Duration,
    /// The refresh token, when there is a chain.
    pub refresh_token: Option<String>,
    /// The session, when there is one.
    pub session_id: Option<uuid::Uuid>,
    /// The scope of the access token.
    pub scope: Option<String>,
    /// Whether it is bound to a key: the type is then `DPoP`, else `Bearer`.
    pub bound: bool,
}

struct Subject<'a> {
    user: &'a UserRow,
    session: Option<&'a SessionRow>,
    audience: &'a [String],
    scope: Option<&'a str>,
    amr: Vec<String>,
    auth_time: Timestamp,
    jkt: Option<&'a str>,
}

impl Symbolon {
    /// The wish with its defaults, if it may be granted.
    ///
    /// # Errors
    /// `InvalidTarget`, `InvalidScope`.
    pub(crate) fn grantable(&self, wish: &Wish) -> Result<Wish> {
        let settings = self.settings();
        let known =
            |audience: &String| *audience == settings.issuer || settings.token.audiences.contains(audience);
        if !wish.audience.iter().all(known) {
            return Err(Error::new(
                ErrorKind::InvalidTarget,
                "An audience that was asked for is not configured.",
            ));
        }
        let mut audience: Vec<String> = Vec::new();
        for name in &wish.audience {
            if !audience.contains(name) {
                audience.push(name.clone());
            }
        }
        if audience.is_empty() {
            audience.push(settings.issuer.clone());
        }
        Ok(Wish { audience, scope: subset(wish.scope.as_deref(), &settings.token.scopes)? })
    }

    /// Tokens for a session: an access token, and the refresh token of its counter. `narrowed` replaces the session's scope in
    /// the access token. `began`: a time before the session's row was read. A bound session gives bound tokens.
    pub(crate) fn token_answer(
        &self,
        user: &UserRow,
        session: &SessionRow,
        narrowed: Option<&str>,
        began: Timestamp,
    ) -> Result<TokenAnswer> {
        self.token_answer_for(user, session, narrowed, session.jkt.as_deref(), began)
    }

    /// [`Symbolon::token_answer`] with an access token bound to the key `jkt`.
    pub(crate) fn token_answer_for(
        &self,
        user: &UserRow,
        session: &SessionRow,
        narrowed: Option<&str>,
        jkt: Option<&str>,
        began: Timestamp,
    ) -> Result<TokenAnswer> {
        let scope = narrowed.or(session.scope.as_deref());
        let (access_token, expires_in) = self.sign(
            &Subject {
                user,
                session: Some(session),
                audience: &session.audience,
                scope,
                amr: session.amr.iter().map(|amr| amr.method.clone()).collect(),
                auth_time: session.auth_time,
                jkt,
            },
            began,
        )?;
        let refresh_token = match session.kind {
            Kind::Browser => None,
            Kind::Token | Kind::Grant => {
                let masters = self.0.keyring.masters();
                let root = masters.refresh(session.key_version).ok_or_else(Error::invalid_grant)?;
                Some(RefreshToken::mint(session.id, session.refresh_counter, root).reveal())
            }
        };
        Ok(TokenAnswer {
            access_token,
            expires_in,
            refresh_token,
            session_id: Some(session.id),
            scope: scope.map(str::to_owned),
            bound: jkt.is_some(),
        })
    }

    /// An access token that stands alone.
    pub(crate) fn stateless_token(
        &self,
        user: &UserRow,
        wish: &Wish,
        jkt: Option<&str>,
        began: Timestamp,
    ) -> Result<String> {
        let subject = Subject {
            user,
            session: None,
            audience: &wish.audience,
            scope: wish.scope.as_deref(),
            amr: vec!["pwd".into()],
            auth_time: began,
            jkt,
        };
        self.sign(&subject, began).map(|(token, _)| token)
    }

    /// Cookie → token: an access token for the same session.
    ///
    /// # Errors
    /// `NoSession`, `InvalidTarget`, `InvalidScope`, `Unavailable`.
    pub async fn exchange(&self, session: uuid::Uuid, wish: &Wish) -> Result<TokenAnswer> {
        let wish = self.grantable(wish)?;
        for _ in 0..ROUNDS {
            let began = self.now();
            let row = self.live_session(session).await?;
            if self.now().since(began) > MARGIN {
                continue;
            }
            let session = SessionRow { audience: wish.audience, scope: wish.scope, ..row.session };
            return self.token_answer(&row.user, &session, None, began);
        }
        Err(Error::slow())
    }

    fn sign(&self, subject: &Subject<'_>, began: Timestamp) -> Result<(String, Duration)> {
        if !plausible(began) {
            return Err(Error::wrong_clock());
        }
        let settings = &self.settings().token;
        let until = began.plus(settings.access_life);
        let until = subject.session.map_or(until, |session| until.min(session.expires_at));
        let (iat, exp) = (began.as_secs(), until.as_secs());
        if exp <= iat {
            return Err(Error::no_session());
        }
        let claims = AccessClaims {
            iss: self.settings().issuer.clone(),
            sub: subject.user.id,
            aud: audience(subject.audience, &self.settings().issuer),
            exp,
            iat,
            nbf: None,
            jti: self.id_at(began),
            client_id: settings.client_id.clone(),
            sid: subject.session.map(|session| session.id),
            r#gen: subject.user.generation,
            amr: subject.amr.clone(),
            auth_time: subject.auth_time.as_secs(),
            scope: subject.scope.map(str::to_owned),
            cnf: subject.jkt.map(|jkt| Confirmation { jkt: jkt.to_owned() }),
            kind: subject.session.and_then(|session| mark(session.kind)),
            extra: extra(&settings.claims, &subject.user.profile),
        };
        self.0.keyring.issues_at(began);
        let version = subject.session.map(|session| session.key_version);
        let key = self.0.keyring.signing_for(self.now(), version)?;
        let token = key.sign("at+jwt", &claims).map_err(|error| {
            let text = format!("An access token could not be issued: {error}.");
            // Too long by what the user's own profile holds: the user can mend that, and is told which claim it is.
            let kind = match error.kind() {
                KeyErrorKind::TooLong(_) => ErrorKind::InvalidRequest,
                _ => ErrorKind::Internal,
            };
            Error::caused(kind, text, error)
        })?;
        Ok((token, Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0))))
    }
}

/// What a token says of the session behind it: only what takes rights away from its holder.
fn mark(kind: Kind) -> Option<SessionMark> {
    match kind {
        Kind::Browser | Kind::Token => None,
        Kind::Grant => Some(SessionMark::Grant),
    }
}

/// The names in `wanted`, each once, if all are in `granted`.
pub(crate) fn subset(wanted: Option<&str>, granted: &[String]) -> Result<Option<String>> {
    let mut names: Vec<&str> = Vec::new();
    for name in wanted.unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
        if !granted.iter().any(|granted| granted == name) {
            return Err(Error::new(ErrorKind::InvalidScope, "A scope that was asked for is not to be had."));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok((!names.is_empty()).then(|| names.join(" ")))
}

fn audience(wanted: &[String], issuer: &str) -> Audience {
    match wanted {
        [] => Audience::One(issuer.to_owned()),
        [one] => Audience::One(one.clone()),
        many => Audience::Many(many.to_vec()),
    }
}

fn extra(mapped: &[(String, String)], profile: &Object) -> Object {
    let field = |(claim, field): &(String, String)| Some((claim.clone(), profile.get(field)?.clone()));
    mapped.iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jc_19_only_exact_names_with_spaces_between_count() {
        let granted = ["read".to_owned(), "write".to_owned()];
        assert_eq!(subset(Some("write  read write"), &granted).unwrap().as_deref(), Some("write read"));
        assert_eq!(subset(Some(""), &granted).unwrap(), None);
        for bad in ["admin", "read,write", "read\twrite", "READ", "*", "rea"] {
            assert!(subset(Some(bad), &granted).is_err(), "{bad}");
        }
    }
}
