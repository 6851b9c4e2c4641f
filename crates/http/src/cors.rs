//! Which other origins may read answers (Fetch standard, "CORS protocol").
//!
//! Never with credentials: no answer here says `Access-Control-Allow-Credentials`, so the cookie opens nothing to a foreign
//! page. The decision is pure and depends on the kind of route alone, so errors are shared exactly as successes are.

use crate::bearer::{self, Authorization};
use crate::{Origin, SettingError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Who may read a route's answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Anybody: public documents (JWKS, metadata).
    Public,
    /// The listed origins: routes that never read a cookie (`/v1/tokens`, `/oauth/*`).
    Listed,
    /// The listed origins, when the request carries its own `Authorization: Bearer` or `DPoP`: the rest of `/v1/*`.
    ListedByBearer,
    /// Nobody: pages, and what is only for machines.
    Closed,
}

/// The rule, with the origins it lists (`cors.origins`).
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Vec<Origin>,
}

const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static("Authorization, DPoP, Content-Type");
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce, Retry-After");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
);
/// How long a browser may remember a preflight, in seconds: a changed list takes effect within this time.
const PREFLIGHT_LIFE: HeaderValue = HeaderValue::from_static("600");
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

impl Cors {
    /// `origins` are exact; a malformed one, `*` and `null` included, is an error.
    pub fn new(origins: &[String]) -> Result<Self, SettingError> {
        let origins = origins.iter().map(|origin| Origin::parse(origin)).collect::<Result<_, _>>()?;
        Ok(Self { origins })
    }

    /// Whether a request is a preflight, to be answered by [`Cors::preflight`] before any route is asked.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The fields of a 204 that answers a preflight for a route with these methods. Without a permission in it, an origin,
    /// method or header is not listed, or the request asks for private-network access, which is never given.
    pub fn preflight(&self, sharing: Sharing, request: &HeaderMap, methods: &[Method]) -> HeaderMap {
        let mut answer = HeaderMap::new();
        answer.insert(header::VARY, VARY_PREFLIGHT);
        let Some(origin) = self.permitted(sharing, request) else { return answer };
        let Some(wanted) = one(request, &header::ACCESS_CONTROL_REQUEST_METHOD) else { return answer };
        let method = methods.iter().any(|method| method.as_str().as_bytes() == wanted.as_bytes());
        let fields = request
            .get_all(header::ACCESS_CONTROL_REQUEST_HEADERS)
            .iter()
            .all(|line| line.as_bytes().split(|byte| *byte == b',').all(|name| may_send(name.trim_ascii())));
        if !method || !fields || request.contains_key(REQUEST_PRIVATE_NETWORK) {
            return answer;
        }
        let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let Ok(list) = HeaderValue::try_from(list) else { return answer };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, list);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_LIFE);
        answer
    }

    /// The fields to append to any other answer, of whatever status.
    pub fn answer(&self, sharing: Sharing, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::new();
        match sharing {
            Sharing::Closed => return answer,
            Sharing::Public => {}
            // A cache must not hand one origin's answer to another, not even the answer without permission.
            Sharing::Listed | Sharing::ListedByBearer if self.origins.is_empty() => return answer,
            Sharing::Listed => {
                answer.insert(header::VARY, HeaderValue::from_static("Origin"));
            }
            Sharing::ListedByBearer => {
                answer.insert(header::VARY, HeaderValue::from_static("Origin, Authorization"));
                let by_bearer = bearer::authorization(request).is_ok_and(|said| {
                    matches!(
                        said,
                        Authorization::Bearer(_) | Authorization::Dpop(_) | Authorization::Unusable
                    )
                });
                if !by_bearer {
                    return answer;
                }
            }
        }
        if let Some(origin) = self.permitted(sharing, request) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        answer
    }

    /// What `Access-Control-Allow-Origin` may say.
    fn permitted(&self, sharing: Sharing, request: &HeaderMap) -> Option<HeaderValue> {
        match sharing {
            Sharing::Public => Some(HeaderValue::from_static("*")),
            Sharing::Listed | Sharing::ListedByBearer => {
                let origin = one(request, &header::ORIGIN)?;
                self.origins.iter().any(|listed| listed.matches(origin.as_bytes())).then(|| origin.clone())
            }
            Sharing::Closed => None,
        }
    }
}

/// The value of a header that stands there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Whether a foreign page may send this header. Empty elements are nothing (RFC 9110 §5.6.1).
fn may_send(name: &[u8]) -> bool {
    name.is_empty()
        || ["authorization", "dpop", "content-type"]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "https://app.example";
    const EVERY: [Sharing; 4] = [Sharing::Public, Sharing::Listed, Sharing::ListedByBearer, Sharing::Closed];

    fn rule() -> Cors {
        Cors::new(&[APP.into(), "http://localhost:3000".into()]).unwrap()
    }

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        map
    }

    fn text<'a>(answer: &'a HeaderMap, name: &str) -> Option<&'a str> {
        answer.get(name).map(|value| value.to_str().unwrap())
    }

    fn preflight(fields: &[(&str, &str)]) -> HeaderMap {
        let mut all = vec![("access-control-request-method", "POST")];
        all.extend(fields);
        rule().preflight(Sharing::ListedByBearer, &headers(&all), &[Method::GET, Method::POST])
    }

    #[test]
    fn a_preflight_of_a_listed_origin_is_answered() {
        let answer = preflight(&[
            ("origin", APP),
            ("access-control-request-headers", "authorization, dpop,Content-Type,"),
        ]);
        assert_eq!(text(&answer, "access-control-allow-origin"), Some(APP));
        assert_eq!(text(&answer, "access-control-allow-methods"), Some("GET, POST"));
        assert_eq!(text(&answer, "access-control-allow-headers"), Some("Authorization, DPoP, Content-Type"));
        assert!(text(&answer, "vary").unwrap().contains("Origin"));
    }

    #[test]
    fn cs_17_a_preflight_for_anything_unlisted_gets_no_permission() {
        for fields in [
            vec![("origin", "https://attacker.example")],
            vec![("origin", "null")],
            vec![("origin", "https://app.example.evil.test")],
            vec![("origin", "https://APP.example")],
            vec![("origin", APP), ("origin", APP)],
            vec![],
            vec![("origin", APP), ("access-control-request-method", "POST")],
            vec![("origin", APP), ("access-control-request-headers", "x-custom")],
            vec![("origin", APP), ("access-control-request-headers", "authorization, cookie")],
            vec![("origin", APP), ("access-control-request-private-network", "true")],
        ] {
            let answer = preflight(&fields);
            assert!(answer.keys().all(|name| name == header::VARY), "{fields:?}: {answer:?}");
        }
        let request = headers(&[("origin", APP), ("access-control-request-method", "DELETE")]);
        let answer = rule().preflight(Sharing::Listed, &request, &[Method::GET]);
        assert!(answer.keys().all(|name| name == header::VARY), "an unlisted method");
        let answer = rule().preflight(Sharing::Closed, &request, &[Method::DELETE]);
        assert!(answer.keys().all(|name| name == header::VARY), "a closed route");
    }

    #[test]
    fn cs_19_a_star_stands_on_public_documents_only_and_credentials_are_never_allowed() {
        for sharing in EVERY {
            for origin in [APP, "https://attacker.example"] {
                let request =
                    headers(&[("origin", origin), ("authorization", "Bearer a.b.c"), ("cookie", "a=b")]);
                let answer = rule().answer(sharing, &request);
                let said = text(&answer, "access-control-allow-origin");
                match (sharing, origin) {
                    (Sharing::Public, _) => assert_eq!(said, Some("*")),
                    (Sharing::Listed | Sharing::ListedByBearer, APP) => {
                        assert_eq!(said, Some(APP));
                        assert_eq!(
                            text(&answer, "access-control-expose-headers"),
                            Some("WWW-Authenticate, DPoP-Nonce, Retry-After")
                        );
                    }
                    _ => assert_eq!(said, None),
                }
                assert!(!answer.contains_key("access-control-allow-credentials"));
            }
        }
    }

    #[test]
    fn requests_by_cookie_are_not_shared_but_those_by_bearer_are_even_when_refused() {
        let read = |fields: &[(&str, &str)]| {
            let mut all = vec![("origin", APP)];
            all.extend(fields);
            rule().answer(Sharing::ListedByBearer, &headers(&all)).contains_key("access-control-allow-origin")
        };
        assert!(read(&[("authorization", "Bearer expired")]));
        assert!(read(&[("authorization", "dpop x")]));
        assert!(read(&[("authorization", "Bearer x"), ("cookie", "__Host-symbolon=x")]));
        assert!(!read(&[("cookie", "__Host-symbolon=x")]));
        assert!(!read(&[("authorization", "Basic x")]));
        assert!(!read(&[]));
    }

    #[test]
    fn cs_18_answers_vary_by_origin_whether_or_not_it_is_listed() {
        for sharing in [Sharing::Listed, Sharing::ListedByBearer] {
            for fields in [vec![], vec![("origin", APP)], vec![("origin", "null")]] {
                let answer = rule().answer(sharing, &headers(&fields));
                assert!(text(&answer, "vary").unwrap().starts_with("Origin"), "{sharing:?} {fields:?}");
            }
        }
        assert!(Cors::default().answer(Sharing::Listed, &headers(&[("origin", APP)])).is_empty());
    }

    #[test]
    fn preflights_are_told_apart_from_plain_options() {
        let full = headers(&[("origin", APP), ("access-control-request-method", "GET")]);
        assert!(Cors::is_preflight(&Method::OPTIONS, &full));
        assert!(!Cors::is_preflight(&Method::GET, &full));
        assert!(!Cors::is_preflight(&Method::OPTIONS, &headers(&[("origin", APP)])));
    }

    #[test]
    fn malformed_origins_are_refused_at_start() {
        for bad in ["*", "null", "", "app.example", "https://app.example/", "https://*.app.example"] {
            assert!(Cors::new(&[bad.into()]).is_err(), "{bad}");
        }
    }
}
