use super::*;
use crate::{DpopRefusal, Nonce, Refusal};
use http_body_util::BodyExt;
use std::time::Duration;

async fn open(response: Response) -> (http::response::Parts, Value, Vec<u8>) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    (parts, serde_json::from_slice(&bytes).unwrap(), bytes)
}

fn all() -> Vec<Problem> {
    let wait = Duration::from_secs(30);
    vec![
        Problem::invalid_request("The member password is missing."),
        Problem::invalid_target(),
        Problem::invalid_scope(),
        Problem::invalid_credentials(),
        Problem::no_session(),
        Problem::invalid_token(),
        Problem::dpop(DpopRefusal::Proof),
        Problem::dpop(DpopRefusal::Nonce(Nonce::new("n0nce"))),
        Problem::fresh_login_required(Duration::from_secs(300)),
        Problem::second_factor_required("t1", ["totp"]),
        Problem::invalid_client(),
        Problem::csrf_rejected(),
        Problem::forbidden("Only administrators may do this."),
        Problem::insufficient_scope("admin"),
        Problem::not_found(),
        Problem::method_not_allowed("GET, HEAD"),
        Problem::request_timeout(),
        Problem::identifier_taken(),
        Problem::payload_too_large(),
        Problem::uri_too_long(),
        Problem::headers_too_large(),
        Problem::unsupported_media_type("application/json"),
        Problem::password_rejected(["too_short", "common"]),
        Problem::too_many_attempts(wait),
        Problem::internal("abc"),
        Problem::overloaded(wait),
        Problem::unavailable(),
    ]
}

#[tokio::test]
async fn bt_14_every_code_is_a_problem_document_that_is_never_cached() {
    assert_eq!(all().len(), CODES.len());
    for (problem, (code, status, title)) in all().into_iter().zip(CODES) {
        let (parts, document, bytes) = open(problem.into_response()).await;
        assert_eq!(parts.status, status);
        assert_eq!(parts.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(parts.headers[header::CACHE_CONTROL], "no-store");
        assert!(!parts.headers.contains_key(header::SET_COOKIE));
        assert_eq!(
            parts.headers.contains_key(header::WWW_AUTHENTICATE),
            status == 401 || code == "insufficient_scope"
        );
        assert_eq!(document["type"], format!("urn:symbolon:problem:{code}"));
        assert_eq!(document["code"], code);
        assert_eq!(document["title"], title);
        assert_eq!(document["status"], status.as_u16());
        let detail = document["detail"].as_str().unwrap();
        assert!(detail.len() > 20 && detail.ends_with('.'), "{code}: {detail}");
        assert!(bytes.starts_with(b"{\"type\":"), "members stand in the contract's order");
    }
}

#[tokio::test]
async fn members_and_fields_of_single_codes() {
    let field = |problem: Problem, name: HeaderName| {
        problem.into_response().headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let challenge = |problem| field(problem, header::WWW_AUTHENTICATE).unwrap();
    assert_eq!(challenge(Problem::no_session()), r#"Bearer realm="symbolon""#);
    assert_eq!(challenge(Problem::unauthenticated()), r#"Bearer realm="symbolon""#);
    assert_eq!(challenge(Problem::invalid_token()), r#"Bearer realm="symbolon", error="invalid_token""#);
    assert_eq!(
        challenge(Problem::insufficient_scope("a b")),
        r#"Bearer realm="symbolon", error="insufficient_scope", scope="a b""#
    );
    assert_eq!(
        challenge(Problem::grant_too_narrow()),
        r#"Bearer realm="symbolon", error="insufficient_scope""#
    );
    assert_eq!(
        challenge(Problem::fresh_login_required(Duration::from_secs(300))),
        r#"Bearer realm="symbolon", error="insufficient_user_authentication", max_age="300""#
    );
    assert_eq!(challenge(Problem::invalid_client()), r#"Basic realm="symbolon", charset="UTF-8""#);
    assert_eq!(challenge(Problem::no_session().with_realm("wiki")), r#"Bearer realm="wiki""#);

    assert_eq!(field(Problem::method_not_allowed("GET"), header::ALLOW).unwrap(), "GET");
    for (wait, told) in [(0, "1"), (1, "1"), (999, "1"), (1000, "1"), (1001, "2"), (30_000, "30")] {
        let wait = Duration::from_millis(wait);
        assert_eq!(field(Problem::too_many_attempts(wait), header::RETRY_AFTER).unwrap(), told);
        assert_eq!(field(Problem::overloaded(wait), header::RETRY_AFTER).unwrap(), told);
    }
    assert!(field(Problem::overloaded(Duration::MAX), header::RETRY_AFTER).is_some());

    let (_, document, _) = open(Problem::password_rejected(["too_short", "common"]).into_response()).await;
    assert_eq!(document["reasons"], serde_json::json!(["too_short", "common"]));
    let (_, document, _) = open(Problem::second_factor_required("t", ["totp"]).into_response()).await;
    assert_eq!(
        (document["ticket"].as_str(), &document["methods"]),
        (Some("t"), &serde_json::json!(["totp"]))
    );
    let (_, document, _) =
        open(Problem::fresh_login_required(Duration::from_secs(300)).into_response()).await;
    assert_eq!(document["max_age"], 300);
    let (_, document, _) = open(Problem::internal("i").with("code", "x").into_response()).await;
    assert_eq!((&document["instance"], &document["code"]), (&"i".into(), &"internal".into()));
}

#[tokio::test]
async fn bt_15_ht_05_nothing_breaks_out_of_a_challenge() {
    let bad = "a\"b\\c\r\nSet-Cookie: x=y\0\u{e9}";
    let response = Problem::insufficient_scope(bad).into_response();
    let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(
        challenge,
        r#"Bearer realm="symbolon", error="insufficient_scope", scope="abcSet-Cookie: x=y""#
    );
    assert_eq!(response.headers().len(), 3);
    let response = Problem::method_not_allowed("GET\r\nx: y").into_response();
    assert_eq!(response.headers()[header::ALLOW], "");
    let (_, document, _) = open(OAuthError::invalid_request(bad).into_response()).await;
    assert_eq!(document["error_description"], "abcSet-Cookie: x=y");
}

#[tokio::test]
async fn refusals_have_their_codes() {
    for (refusal, status, code) in [
        (Refusal::NoCredential, 401, "no_session"),
        (Refusal::NoSession, 401, "no_session"),
        (Refusal::InvalidToken, 401, "invalid_token"),
        (Refusal::InvalidRequest("Send it once."), 400, "invalid_request"),
        (Refusal::CsrfRejected, 403, "csrf_rejected"),
        (Refusal::InsufficientScope("x"), 403, "insufficient_scope"),
        (Refusal::Forbidden("Not so."), 403, "forbidden"),
        (Refusal::InvalidClient, 401, "invalid_client"),
        (Refusal::Unavailable, 503, "unavailable"),
        (Refusal::TooManyAttempts { retry_after: Duration::from_secs(1) }, 429, "too_many_attempts"),
        (Refusal::Internal, 500, "internal"),
    ] {
        assert_eq!(refusal.is_anonymous(), code == "no_session");
        assert_eq!(refusal.to_string(), code);
        let (parts, document, _) = open(refusal.into_response()).await;
        assert_eq!((parts.status.as_u16(), document["code"].as_str().unwrap()), (status, code));
    }
    let absent = open(Refusal::NoCredential.into_response()).await;
    let dead = open(Refusal::NoSession.into_response()).await;
    assert_eq!((absent.0.headers, absent.2), (dead.0.headers, dead.2), "a dead cookie tells nothing");
}

#[tokio::test]
async fn oauth_errors_have_their_form() {
    for (error, status, code) in [
        (OAuthError::invalid_request("The parameter token is missing."), 400, "invalid_request"),
        (OAuthError::invalid_client(), 401, "invalid_client"),
        (OAuthError::invalid_grant(), 400, "invalid_grant"),
        (OAuthError::unauthorized_client(), 400, "unauthorized_client"),
        (OAuthError::unsupported_grant_type(), 400, "unsupported_grant_type"),
        (OAuthError::unsupported_token_type(), 400, "unsupported_token_type"),
        (OAuthError::invalid_scope(), 400, "invalid_scope"),
        (OAuthError::invalid_target(), 400, "invalid_target"),
        (OAuthError::insufficient_scope("introspect"), 403, "insufficient_scope"),
    ] {
        let challenged = matches!(status, 401 | 403);
        let (parts, document, _) = open(error.into_response()).await;
        assert_eq!((parts.status.as_u16(), document["error"].as_str().unwrap()), (status, code));
        assert_eq!(document.as_object().unwrap().len(), 2);
        assert_eq!(parts.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(parts.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(parts.headers[header::PRAGMA], "no-cache");
        assert_eq!(parts.headers.contains_key(header::WWW_AUTHENTICATE), challenged);
    }
    for problem in all() {
        let (status, code) = (problem.status, problem.code);
        let error = OAuthError::from(problem);
        assert_eq!(error.status, status, "{code}");
        let (parts, document, _) = open(error.into_response()).await;
        let retry = ["too_many_attempts", "overloaded"].contains(&code);
        assert_eq!(parts.headers.contains_key(header::RETRY_AFTER), retry, "{code}");
        let expected = match code {
            "invalid_client" | "invalid_dpop_proof" | "use_dpop_nonce" | "invalid_scope"
            | "invalid_target" | "insufficient_scope" => code,
            "forbidden" => "access_denied",
            "internal" => "server_error",
            "overloaded" | "unavailable" => "temporarily_unavailable",
            _ => "invalid_request",
        };
        assert_eq!(document["error"], expected, "{code}");
    }
    let (_, document, _) = open(OAuthError::from(Problem::internal("i7")).into_response()).await;
    assert!(document["error_description"].as_str().unwrap().ends_with("(instance i7)"));
}
