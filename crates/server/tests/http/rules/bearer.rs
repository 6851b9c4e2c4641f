//! Where a bearer token may stand, and that no two places are believed at once (BT).

use serde_json::json;

use super::with_somebody;
use crate::{client::FORM, raw, server::TestServer};

#[test]
fn the_header_is_read_without_case_of_its_scheme() {
    let (server, _, token) = with_somebody();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        server.get("/v1/me").field("Authorization", &format!("{scheme} {token}")).send().gives(200);
        server.get("/v1/me").field("AUTHORIZATION", &format!("{scheme}   {token}")).send().gives(200);
    }
}

#[test]
fn bt_02_header_and_body_at_once_are_400() {
    let (server, cookie, token) = with_somebody();
    for (header, body) in
        [(token.as_str(), token.as_str()), (&token, "junk"), ("junk", &token), ("junk", "junk")]
    {
        let request = server.post("/v1/me").bearer(header).form(&[("access_token", body)]);
        request.clone().send().problem(400, "invalid_request");
        request.cookie(&cookie).send().problem(400, "invalid_request");
    }
    let twice = format!("access_token={token}&access_token={token}");
    server.post("/v1/me").body(FORM, twice).send().problem(400, "invalid_request");
}

#[test]
fn bt_03_the_query_counts_only_when_it_is_switched_on() {
    let (server, cookie, token) = with_somebody();
    let target = format!("/v1/me?access_token={token}");
    // Off: ignored. Which is to say that nothing was presented, and that another place is no second one.
    server.get(&target).send().problem(401, "no_session");
    assert_eq!(server.get(&target).cookie(&cookie).send().gives(200)["via"], "cookie");
    assert_eq!(server.get(&target).bearer(&token).send().gives(200)["via"], "bearer");
    server.get("/v1/me?access_token=a&access_token=b").bearer(&token).send().gives(200);

    let server = TestServer::with(|settings| settings.set("bearer.query", "true"));
    let alice = server.person("alice");
    let (cookie, token) = (server.cookie(&alice), server.tokens(&alice).access);
    let target = format!("/v1/me?access_token={token}");
    let answer = server.get(&target).send().is(200);
    assert_eq!(answer.field("cache-control"), Some("private, no-store"));
    assert_eq!(answer.json()["via"], "bearer");
    for (request, status, code) in [
        (server.get("/v1/me?access_token=junk"), 401, "invalid_token"),
        (server.get(&target).bearer(&token), 400, "invalid_request"),
        (server.post(&target).form(&[("access_token", token.as_str())]), 400, "invalid_request"),
        (server.get(&format!("{target}&access_token={token}")), 400, "invalid_request"),
        (server.get(&format!("{target}&access%5Ftoken=")), 400, "invalid_request"),
        (server.get("/v1/me?access_token=junk").cookie(&cookie), 401, "invalid_token"),
        (server.get(&format!("{target}&x=1")), 400, "invalid_request"),
    ] {
        let answer = request.send().is(status);
        assert_eq!(answer.field("cache-control"), Some("private, no-store"), "whatever the answer is");
        assert_eq!(answer.json()["code"], code);
    }
    assert_eq!(
        server.get("/v1/me?access_token=").cookie(&cookie).send().is(200).json()["via"],
        "cookie",
        "empty is absent"
    );
    server.get("/v1/me?Access_Token=x").cookie(&cookie).send().problem(400, "invalid_request");
    // LG-02 is asserted when this server's log is read: no part of the token is in it. Nor is any query.
    assert!(!server.log.text().contains("access_token"));
}

#[test]
fn a_body_counts_only_when_it_is_switched_on() {
    let server = TestServer::with(|settings| settings.set("bearer.body", "false"));
    let alice = server.person("alice");
    let token = server.tokens(&alice).access;
    let form = [("access_token", token.as_str())];
    server.post("/v1/me").form(&form).send().problem(401, "no_session");
    assert_eq!(server.post("/v1/me").bearer(&token).form(&form).send().gives(200)["via"], "bearer");
}

#[test]
fn bt_05_bodies_of_other_kinds_and_methods_carry_none() {
    let (server, _, token) = with_somebody();
    let form = format!("access_token={token}");
    server.get("/v1/me").body(FORM, form.clone()).send().problem(401, "no_session");
    server.delete("/v1/me").body(FORM, form.clone()).send().problem(401, "no_session");
    for (media_type, body) in [
        ("application/json", json!({ "access_token": token }).to_string()),
        ("text/plain", form.clone()),
        (
            "multipart/form-data; boundary=x",
            format!("--x\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{token}\r\n--x--"),
        ),
    ] {
        server.post("/v1/me").body(media_type, body).send().problem(401, "no_session");
    }
    server.post("/v1/me").untyped(form).send().problem(401, "no_session");
}

#[test]
fn bt_06_bt_07_two_tokens_are_none() {
    let (server, cookie, token) = with_somebody();
    let with = |values: &[&str]| {
        let request = values.iter().fold(server.get("/v1/me").cookie(&cookie), |request, value| {
            request.field("Authorization", value)
        });
        request.send()
    };
    let good = format!("Bearer {token}");
    for two in [
        [good.as_str(), good.as_str()],
        [&good, "Bearer junk"],
        ["Bearer junk", &good],
        ["Basic eDp5", &good],
        [&good, "Basic eDp5"],
    ] {
        with(&two).problem(400, "invalid_request");
    }
    for line in [
        format!("{good}, {good}"),
        format!("{good},{good}"),
        format!("{good} {token}"),
        format!("{good}, Basic eDp5"),
        format!("Bearer,{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer={token}"),
        format!("{good};"),
    ] {
        with(&[&line]).problem(401, "invalid_token");
    }
}

#[test]
fn bt_09_other_schemes_are_ignored_and_no_password_is_looked_at() {
    let server = TestServer::with(|settings| settings.set("throttle.account_tries", "1"));
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    for _ in 0..3 {
        server.get("/v1/me").basic("alice", &alice.password).send().problem(401, "no_session");
        server.get("/v1/me").basic("alice", "not the password at all").send().problem(401, "no_session");
    }
    for scheme in
        ["Basic eDp5", "Digest username=alice", "Negotiate x", "Token x", "BearerX a.b.c", "", "a.b.c"]
    {
        server.get("/v1/me").field("Authorization", scheme).send().problem(401, "no_session");
        assert_eq!(
            server.get("/v1/me").field("Authorization", scheme).cookie(&cookie).send().gives(200)["via"],
            "cookie"
        );
    }
    server.login(&alice).is(201);
}

#[test]
fn bt_10_bt_11_a_bad_bearer_is_not_forgiven_for_a_good_cookie() {
    let (server, cookie, _) = with_somebody();
    for token in ["junk", "a.b.c", "key_AAAA", "ses_AAAA", "%00", "é"] {
        server.get("/v1/me").bearer(token).cookie(&cookie).send().problem(401, "invalid_token");
        let write = server.delete("/v1/sessions/current").bearer(token).cookie(&cookie);
        write.field("Sec-Fetch-Site", "cross-site").send().problem(401, "invalid_token");
    }
    server
        .post("/v1/me")
        .form(&[("access_token", "junk")])
        .cookie(&cookie)
        .send()
        .problem(401, "invalid_token");
    server
        .get("/v1/me")
        .field("Authorization", "Bearer")
        .cookie(&cookie)
        .send()
        .problem(400, "invalid_request");
    // DPoP is a bearer's kin.
    let bound = server.get("/v1/me").field("Authorization", "DPoP a.b.c").cookie(&cookie).send();
    assert_eq!((bound.status, bound.json()["code"].as_str()), (401, Some("invalid_token")));
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

#[test]
fn a_bearer_token_outranks_the_cookie() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let (cookie, token) = (server.cookie(&alice), server.tokens(&bob).access);
    let me = server.get("/v1/me").cookie(&cookie).bearer(&token).send().gives(200);
    assert_eq!((&me["via"], &me["user"]["id"]), (&json!("bearer"), &json!(bob.id)));
    let answer = server.delete("/v1/sessions/current").cookie(&cookie).bearer(&token).send().no_content();
    assert!(answer.cookies().is_empty());
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

#[test]
fn bt_13_tokens_elsewhere_are_not_seen() {
    let (server, _, token) = with_somebody();
    let bearer = format!("Bearer {token}");
    for request in [
        server.get("/v1/me").field("X-Access-Token", &token),
        server.get("/v1/me").field("X-Auth-Token", &token),
        server.get("/v1/me").field("X-Forwarded-Authorization", &bearer),
        server.get("/v1/me").field("Proxy-Authorization", &bearer),
        server.get("/v1/me").field("Sec-WebSocket-Protocol", &format!("bearer, {token}")),
        server.get("/v1/me").field("Cookie", &format!("access_token={token}")),
        server.get("/v1/me").field("Cookie", &format!("Authorization={bearer}")),
    ] {
        request.send().problem(401, "no_session");
    }
    server.get(&format!("/v1/me?jwt={token}")).send().problem(401, "no_session");
    server.get(&format!("/v1/me?token={token}")).send().problem(401, "no_session");
    let trailer = format!(
        "POST /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: Authorization\r\n\r\n0\r\nAuthorization: {bearer}\r\n\r\n"
    );
    let [answer] = raw::send(server.address(), trailer).try_into().unwrap();
    answer.problem(401, "no_session");
}

#[test]
fn bt_15_ht_05_nothing_that_was_sent_comes_back() {
    let (server, cookie, _) = with_somebody();
    for canary in [
        "canary\"quote",
        "canary'\\<script>",
        "canary%0d%0aSet-Cookie:x=y",
        &format!("canary{}", "x".repeat(5000)),
        "canary\u{7f}",
    ] {
        let encoded = crate::client::encode(canary);
        for request in [
            server.get("/v1/me").bearer(canary),
            server.get("/v1/me").field("Authorization", canary),
            server.get(&format!("/v1/{encoded}")),
            server.get(&format!("/v1/me?{encoded}={encoded}")).cookie(&cookie),
            server.get(&format!("/v1/sessions/{encoded}")).cookie(&cookie),
            server.delete(&format!("/v1/sessions/{encoded}")).cookie(&cookie),
            server.post("/v1/sessions").json(json!({ "identifier": canary, "password": canary })),
            server.post("/v1/users").json(json!({ "identifier": canary, "password": canary })),
            server.post("/v1/tokens").json(json!({ "identifier": "a", "password": "b", "scope": canary })),
            server.post("/v1/tokens").json(json!({ "identifier": "a", "password": "b", "audience": canary })),
            server.post("/v1/tokens").json(json!({ canary: 1 })),
            server.post("/oauth/token").form(&[("grant_type", canary), ("refresh_token", canary)]),
            server.post("/oauth/token").form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", canary),
                ("scope", canary),
            ]),
            server.post("/oauth/revoke").form(&[(canary, canary)]),
            server.post("/oauth/introspect").basic(canary, canary),
            server.get("/v1/me").field("X-Request-Id", canary),
        ] {
            let answer = request.send();
            assert!(answer.status >= 400, "{}", answer.comparable());
            let shown = format!("{:?} {}", answer.fields, answer.text());
            assert!(!shown.contains("canary"), "CR-38, HT-05: {shown}");
        }
    }
}

#[test]
fn ht_30_nobody_sees_what_another_sent() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..40 {
                    let canary = format!("canary-{thread}-{number}-x");
                    let body = json!({ "identifier": canary, "password": canary });
                    for request in [
                        server.get("/v1/me").bearer(&canary),
                        server.post("/v1/sessions").json(body),
                        server.post("/oauth/token").form(&[("grant_type", &canary)]),
                    ] {
                        let answer = request.send();
                        assert!(!answer.comparable().contains("canary"), "{}", answer.comparable());
                    }
                }
            });
        }
    });
    assert!(!server.log.text().contains("canary"));
}

#[test]
fn bt_19_only_the_path_itself_is_the_path() {
    let (server, cookie, _) = with_somebody();
    for path in [
        "//v1/me",
        "/v1//me",
        "/v1/./me",
        "/v1/../v1/me",
        "/v1/%6de",
        "/v1/me/",
        "/V1/ME",
        "/v1/me;x",
        "/v1/me;.js",
        "/public/..%2fv1/me",
        "/v1/me%2f",
        "/v1/me%00",
        "/v1/me%20",
        "/v1\\me",
        "/v1/me.",
        "/v1/%256de",
        "/v1/m%C0%AFe",
        "/v1/me%ff",
    ] {
        let (bare, known) = (server.get(path).send(), server.get(path).cookie(&cookie).send());
        assert!(matches!(bare.status, 400 | 404), "{path}: {}", bare.status);
        assert!(matches!(known.status, 400 | 404), "{path}: {}", known.status);
        assert!(!known.text().contains("alice"));
    }
    server.get("/v1/me?x=/public").send().problem(401, "no_session");
    server.get("/v1/me?").cookie(&cookie).send().gives(200);
}
