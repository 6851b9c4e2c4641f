//! Whatever stands in a request's head, nothing panics and nobody gets in.
//!
//! Inputs are random bytes, and texts put together from the pieces that the parsers look for.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside `#[test]` functions")]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use proptest::prelude::*;
use symbolon_http::cors::Sharing;
use symbolon_http::{
    ClientCredential, CookieNames, Cors, Credential, Csrf, Origin, Presented, Settings, bearer, form,
    form_token,
};

fn settings() -> Settings {
    Settings {
        cookie: CookieNames::new("symbolon", true).unwrap(),
        csrf: Csrf::new("https://id.example", &["https://app.example".into()]).unwrap(),
        bearer_body: true,
        bearer_query: true,
        realm: "symbolon",
    }
}

/// Texts near the ones that mean something.
fn near() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "Bearer",
        "bearer",
        "Basic",
        "DPoP",
        " ",
        "  ",
        "\t",
        ",",
        ";",
        "=",
        "==",
        "&",
        "%",
        "%2",
        "%zz",
        "%41",
        "+",
        ".",
        "..",
        "access_token",
        "access%5ftoken",
        "__Host-symbolon",
        "symbolon",
        "-known",
        "$Version",
        "\"",
        "\\",
        "ses_",
        "ref_",
        "key_",
        "AAAAAAAAAAAAAAAA",
        "same-origin",
        "cross-site",
        "https://id.example",
        "https://",
        "[::1]",
        "[",
        "]",
        ":",
        ":443",
        "@",
        "null",
        "/",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/",
        "a.b.c",
        "YTpi",
        "\u{ff0e}",
        "\u{e9}",
    ]);
    let random = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        3 => prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => random,
    ]
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let name = prop::sample::select(vec![
        "authorization",
        "cookie",
        "sec-fetch-site",
        "origin",
        "content-type",
        "access-control-request-method",
        "access-control-request-headers",
        "referer",
    ]);
    prop::collection::vec((name, near()), 0..8)
}

fn map(fields: &[(&'static str, Vec<u8>)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn em_09_header_parsers_never_panic(
        fields in fields(),
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "BREW"]),
        body in near(),
        query in near(),
    ) {
        let settings = settings();
        let headers = map(&fields);
        let method: Method = method.parse().unwrap();
        let mut request = Request::new(());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers.clone();
        if let Ok(uri) = http::Uri::try_from([b"/?", &query[..]].concat()) {
            *request.uri_mut() = uri;
        }
        let (parts, ()) = request.into_parts();

        // Made of these pieces no session cookie can be well-formed: it has 68 characters after its name.
        let presented = Presented::from_parts(&parts, &settings);
        let by_cookie = matches!(presented, Ok(Presented { credential: Credential::Cookie(_), .. }));
        prop_assert!(!by_cookie);
        if let Ok(Presented { credential: Credential::Bearer(token), .. }) = &presented {
            prop_assert!(token.is_ascii() && !token.contains([' ', ',', '%', '"']) && !token.starts_with("key_"));
        }
        let _ = Presented::with_form(&parts, &body, &settings);
        let _ = form_token(&parts, &body);
        let _ = ClientCredential::from_headers(&headers);
        let _ = settings.cookie.known(&headers);

        let passed = settings.csrf.check(&method, &headers, true).is_ok();
        prop_assert!(!passed || settings.csrf.check(&method, &headers, false).is_ok(), "a cookie never makes it easier");

        let cors = Cors::new(&["https://app.example".into()]).unwrap();
        for sharing in [Sharing::Public, Sharing::Listed, Sharing::ListedByBearer, Sharing::Closed] {
            let _ = cors.answer(sharing, &headers);
            let _ = cors.preflight(sharing, &headers, &[Method::GET]);
        }
    }

    #[test]
    fn em_09_text_parsers_never_panic(bytes in near()) {
        let _ = form::pairs(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let shown = bearer::redact_query(&text);
        prop_assert_eq!(bearer::redact_query(&shown), shown.clone(), "what is redacted stays redacted");
        let _ = CookieNames::new(&text, true);
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(origin.as_str(), &text);
            prop_assert!(Origin::of_issuer(&text).map_or(true, |issuer| issuer == origin));
        }
        if let Ok(origin) = Origin::of_issuer(&text) {
            prop_assert!(Origin::parse(origin.as_str()).is_ok());
        }
    }
}
