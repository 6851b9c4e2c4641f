//! Which credential of a request counts. Decided from the request alone, without asking anybody.

use crate::bearer::{self, Authorization};
use crate::cookie::Reading;
use crate::{DpopRefusal, Refusal, Settings, ShownProof, dpop};
use http::request::Parts;
use std::fmt;
use symbolon_token::opaque::SessionCookie;

/// The one credential that decides a request. Its `Debug` shows no secret.
#[derive(Clone)]
pub enum Credential {
    /// None that counts.
    None,
    /// A well-formed session cookie. Whether it is genuine is for the [`crate::Check`] to say.
    Cookie(SessionCookie),
    /// The text of a bearer token, in the characters and length that one may have.
    Bearer(String),
    /// The text of a token that is bound to a key, and the proof shown with it.
    Dpop(String, ShownProof),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Cookie(_) => "Cookie(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Dpop(..) => "Dpop(..)",
        })
    }
}

/// What a request presents.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The credential that counts.
    pub credential: Credential,
    /// Whether a cookie of the session's name is there at all, usable or not: the CSRF rule asks.
    pub session_cookie: bool,
}

const TWO_TRANSPORTS: Refusal =
    Refusal::InvalidRequest("The request carries an access token in more than one way; send it once.");

impl Presented {
    /// Reads header, query (when [`Settings::bearer_query`] is on) and cookie.
    ///
    /// A bearer token outranks the cookie, good or bad. [`Refusal::InvalidRequest`]: two `Authorization` lines, an empty
    /// one, a repeated parameter, header and query at once. [`Refusal::InvalidToken`]: a text that cannot be an access token.
    pub fn from_parts(parts: &Parts, settings: &Settings) -> Result<Self, Refusal> {
        Self::decide(parts, settings, None)
    }

    /// The same for a request whose body has been read: a form's `access_token` counts too, when
    /// [`Settings::bearer_body`] is on.
    pub fn with_form(parts: &Parts, body: &[u8], settings: &Settings) -> Result<Self, Refusal> {
        let form = if settings.bearer_body { bearer::raw_form_token(parts, body)? } else { None };
        Self::decide(parts, settings, form)
    }

    fn decide(parts: &Parts, settings: &Settings, form: Option<Vec<u8>>) -> Result<Self, Refusal> {
        let header = bearer::authorization(&parts.headers)?;
        let by_header =
            matches!(header, Authorization::Bearer(_) | Authorization::Dpop(_) | Authorization::Unusable);
        let query = if settings.bearer_query { bearer::query_token(parts.uri.query())? } else { None };
        // Counted before any of them is looked at: which road a bad token took must not change the answer.
        if u8::from(by_header) + u8::from(query.is_some()) + u8::from(form.is_some()) > 1 {
            return Err(TWO_TRANSPORTS);
        }
        let cookie = settings.cookie.session(&parts.headers);
        let session_cookie = cookie.is_present();
        let credential = match (header, query.or(form), cookie) {
            (Authorization::Unusable, ..) => return Err(Refusal::InvalidToken),
            (Authorization::Bearer(raw), ..) => Credential::Bearer(bearer::accept(raw)?),
            (Authorization::Dpop(raw), ..) => {
                let token = bearer::accept(raw).map_err(|_| Refusal::Dpop(DpopRefusal::Token))?;
                Credential::Dpop(token, dpop::shown(parts)?)
            }
            (_, Some(raw), _) => Credential::Bearer(bearer::accept(&raw)?),
            (_, None, Reading::One(cookie)) => Credential::Cookie(cookie),
            (_, None, Reading::Absent | Reading::Unusable) => Credential::None,
        };
        Ok(Self { credential, session_cookie })
    }
}

impl Credential {
    /// Whether it is an access token, however it is shown.
    pub const fn is_token(&self) -> bool {
        matches!(self, Self::Bearer(_) | Self::Dpop(..))
    }

    /// [`Presented::from_parts`], under the name of what is asked for.
    pub fn from_parts(parts: &Parts, settings: &Settings) -> Result<Presented, Refusal> {
        Presented::from_parts(parts, settings)
    }

    /// Whether one client sent the same twice. Not in constant time: both sides are the client's own, no secret of ours is
    /// compared.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Cookie(one), Self::Cookie(other)) => one.reveal() == other.reveal(),
            (Self::Bearer(one), Self::Bearer(other)) => one == other,
            // One proof of one request is used up once, however many extractors ask.
            (Self::Dpop(one, by), Self::Dpop(other, same)) => one == other && by == same,
            (Self::None | Self::Cookie(_) | Self::Bearer(_) | Self::Dpop(..), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CookieNames, Csrf, form};
    use http::Request;
    use symbolon_token::opaque::MacKey;
    use uuid::Uuid;

    fn settings(bearer_query: bool) -> Settings {
        Settings {
            cookie: CookieNames::new("symbolon", true).unwrap(),
            csrf: Csrf::new("https://example.com", &[]).unwrap(),
            bearer_body: true,
            bearer_query,
            realm: "symbolon",
        }
    }

    fn cookie() -> SessionCookie {
        SessionCookie::mint(Uuid::from_bytes([1; 16]), [2; 24], &MacKey::new([3; 32]))
    }

    fn parts(uri: &str, fields: &[(&str, &str)]) -> Parts {
        let request =
            fields.iter().fold(Request::post(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn bearer(text: &str) -> Credential {
        Credential::Bearer(text.into())
    }

    #[track_caller]
    fn refused(found: Result<Presented, Refusal>, refusal: Refusal) {
        assert_eq!(found.map(|presented| presented.session_cookie), Err(refusal));
    }

    #[track_caller]
    fn counts(found: Result<Presented, Refusal>, credential: &Credential, session_cookie: bool) {
        let found = found.unwrap();
        assert!(found.credential.is_same(credential) && found.session_cookie == session_cookie, "{found:?}");
    }

    #[test]
    fn bt_10_a_bearer_token_outranks_the_cookie_good_or_bad() {
        let session = format!("__Host-symbolon={}", cookie().reveal());
        let with = |authorization: &str| {
            Presented::from_parts(
                &parts("/", &[("cookie", &session), ("authorization", authorization)]),
                &settings(false),
            )
        };
        counts(with("Bearer junk"), &bearer("junk"), true);
        refused(with("Bearer j unk"), Refusal::InvalidToken);
        refused(with("DPoP junk"), Refusal::Dpop(DpopRefusal::Token));
        for ignored in ["Basic dXNlcjpwYXNz", "Digest x", ""] {
            counts(with(ignored), &Credential::Cookie(cookie()), true);
        }
    }

    #[test]
    fn bt_02_bt_03_two_roads_at_once_are_refused_whatever_travels_on_them() {
        let form = ("content-type", form::MEDIA_TYPE);
        for token in ["a.b.c", "key_x", "%FF", "a%20b"] {
            let header = ("authorization", if token == "%FF" { "DPoP x" } else { "Bearer j,unk" });
            let uri = format!("/?access_token={token}");
            let body = format!("access_token={token}");
            let (on, off) = (settings(true), settings(false));
            refused(
                Presented::with_form(&parts("/", &[form, header]), body.as_bytes(), &off),
                TWO_TRANSPORTS,
            );
            refused(Presented::from_parts(&parts(&uri, &[header]), &on), TWO_TRANSPORTS);
            refused(Presented::with_form(&parts(&uri, &[form]), body.as_bytes(), &on), TWO_TRANSPORTS);
            let alone = Presented::with_form(&parts("/", &[form]), body.as_bytes(), &on);
            if token == "a.b.c" {
                counts(alone, &bearer(token), false);
            } else {
                refused(alone, Refusal::InvalidToken);
            }
        }
    }

    #[test]
    fn bt_03_the_query_counts_only_when_enabled() {
        let (on, off) = (settings(true), settings(false));
        let request = parts("/?x=1&access_token=a.b.c", &[]);
        counts(Presented::from_parts(&request, &on), &bearer("a.b.c"), false);
        counts(Presented::from_parts(&request, &off), &Credential::None, false);
        let both = parts("/?access_token=a.b.c", &[("authorization", "Bearer d.e.f")]);
        counts(Presented::from_parts(&both, &off), &bearer("d.e.f"), false);
        let empty = parts("/?access_token=", &[("authorization", "Bearer d.e.f")]);
        counts(Presented::from_parts(&empty, &on), &bearer("d.e.f"), false);
    }

    #[test]
    fn the_body_counts_only_when_enabled() {
        let request = parts("/", &[("content-type", form::MEDIA_TYPE)]);
        let mut settings = settings(false);
        counts(Presented::with_form(&request, b"access_token=a.b.c", &settings), &bearer("a.b.c"), false);
        settings.bearer_body = false;
        counts(Presented::with_form(&request, b"access_token=a.b.c", &settings), &Credential::None, false);
    }

    #[test]
    fn bt_13_tokens_elsewhere_are_not_seen() {
        let fields = [
            ("x-access-token", "a.b.c"),
            ("x-auth-token", "a.b.c"),
            ("cookie", "access_token=a.b.c"),
            ("sec-websocket-protocol", "a.b.c"),
            ("proxy-authorization", "Bearer a.b.c"),
            ("x-forwarded-authorization", "Bearer a.b.c"),
        ];
        let request = parts("/?jwt=a.b.c&token=a.b.c&ACCESS_TOKEN=a.b.c", &fields);
        counts(Presented::from_parts(&request, &settings(true)), &Credential::None, false);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?} {:?}", bearer("s3cret"), Credential::Cookie(cookie()));
        assert!(!text.contains("s3cret") && !text.contains("ses_"), "{text}");
    }
}
