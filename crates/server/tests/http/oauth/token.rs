//! `POST /oauth/token`: refresh.

use std::{collections::BTreeSet, sync::Barrier};

use serde_json::json;

use crate::{
    chance::Chance,
    client::FORM,
    people::{Key, Tokens, altered, claims, names},
    server::TestServer,
    time,
};

/// A server whose grace time is over soon.
fn impatient() -> TestServer {
    TestServer::with(|settings| settings.set("token.refresh_grace", "\"1s\""))
}

/// Lets the grace time of [`impatient`] pass for a move that has just been made.
fn grace_over() {
    time::wait_until(time::millis() + 1010);
}

#[test]
fn a_refresh_answers_with_successor_and_access_token() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let first = server.tokens(&alice);
    let body = server.refresh(&first.refresh).gives(200);
    assert_eq!(names(&body), ["access_token", "expires_in", "refresh_token", "session_id", "token_type"]);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
    let second = Tokens::of(&body);
    assert_eq!(second.session, first.session);
    assert_ne!(second.refresh, first.refresh);
    let (old, new) = (claims(&first.access), claims(&second.access));
    for kept in ["sub", "sid", "aud", "amr", "auth_time", "gen", "iss", "client_id"] {
        assert_eq!(new[kept], old[kept], "{kept}");
    }
    assert_ne!(new["jti"], old["jti"]);
    assert!(server.opens(&Key::Bearer(first.access)) && server.opens(&Key::Bearer(second.access)));
}

#[test]
fn rt_02_within_the_grace_time_the_same_token_gets_the_same_successor() {
    // RT-02 would revoke by default; DESIGN's grace rule wins: the same successor inside the grace time, for both who hold either.
    let server = TestServer::start();
    let first = server.tokens(&server.person("alice"));
    let second = server.refreshed(&first.refresh);
    for _ in 0..3 {
        assert_eq!(server.refreshed(&first.refresh).refresh, second.refresh);
        assert_eq!(
            server.refreshed(&second.refresh).refresh,
            second.refresh,
            "at most one move per grace time"
        );
    }
    assert!(server.opens(&Key::Bearer(second.access)));
}

#[test]
fn rt_01_rt_18_an_older_token_is_theft_and_ends_the_session() {
    for generations in [1, 3] {
        let server = impatient();
        let alice = server.person("alice");
        let (cookie, other) = (server.cookie(&alice), server.tokens(&alice));
        let first = server.tokens(&alice);
        let mut last = server.refreshed(&first.refresh);
        for _ in 1..generations {
            grace_over();
            last = server.refreshed(&last.refresh);
        }
        grace_over();
        // One answer for every cause.
        let refused = server.refresh(&first.refresh).oauth_error(400, "invalid_grant");
        assert_eq!(refused.comparable(), server.refresh("ref_junk").comparable());
        for key in [Key::Refresh(last.refresh), Key::Bearer(last.access), Key::Bearer(first.access)] {
            assert!(!server.opens(&key), "{generations}: {key:?}");
        }
        assert!(server.opens(&Key::Cookie(cookie.clone())), "other sessions go on");
        assert!(server.opens(&Key::Bearer(other.access)) && server.opens(&Key::Refresh(other.refresh)));
        let body = server.get("/v1/me/activity").cookie(&cookie).send().gives(200);
        let theft: Vec<_> = body["activity"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["event"] == "refresh_reused")
            .collect();
        assert_eq!(theft.len(), 1, "the audit says so, once");
        assert_eq!(theft[0]["session_id"], first.session.as_str());
        assert_eq!(theft[0]["detail"]["reason"], "theft");
    }
}

#[test]
fn rt_03_fifty_at_once_get_the_same_successor() {
    // RT-03 would have one 200; DESIGN's grace rule: nobody honest is logged out, and there is one successor.
    let server = TestServer::start();
    let alice = server.person("alice");
    for _ in 0..4 {
        let mut tokens = server.tokens(&alice);
        for _ in 0..2 {
            let barrier = Barrier::new(50);
            let successors: BTreeSet<String> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..50)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            server.refreshed(&tokens.refresh).refresh
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(successors.len(), 1, "never two live successors");
            tokens.refresh = successors.first().unwrap().clone();
        }
        assert!(server.opens(&Key::Bearer(tokens.access)));
    }
}

#[test]
fn rt_05_after_a_crash_the_rotated_token_is_what_it_was() {
    // RT-05 would refuse at once; within the grace time it is a lost reply, after it theft.
    let mut server = impatient();
    let first = server.tokens(&server.person("alice"));
    let second = server.refreshed(&first.refresh);
    server.crash();
    assert_eq!(server.refreshed(&second.refresh).session, first.session);
    grace_over();
    let third = server.refreshed(&second.refresh);
    grace_over();
    server.crash();
    server.refresh(&first.refresh).oauth_error(400, "invalid_grant");
    server.refresh(&third.refresh).oauth_error(400, "invalid_grant");
}

#[test]
fn rt_05_killed_at_any_moment_of_fifty_refreshes_it_has_moved_once_or_not_at_all() {
    let mut server = TestServer::start();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let alice = server.person("alice");
    for _ in 0..6 {
        let first = server.tokens(&alice);
        let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
        let request = server.post("/oauth/token").form(&form).bytes();
        let mut tabs: Vec<_> = (0..50).map(|_| server.connect()).collect();
        tabs.iter_mut().for_each(|tab| tab.write(&request));
        // Before the first is read, or while they are handled, or after.
        std::thread::sleep(std::time::Duration::from_micros(chance.below(8000)));
        server.kill();
        drop(tabs);
        server.up();
        // Whatever became of them, the client knows the old token only; its tabs ask again, and there is one successor.
        let again: Vec<Tokens> = (0..3).map(|_| server.refreshed(&first.refresh)).collect();
        for tokens in &again {
            assert_eq!((&tokens.session, &tokens.refresh), (&first.session, &again[0].refresh));
            assert!(server.opens(&Key::Bearer(tokens.access.clone())));
        }
        assert_ne!(again[0].refresh, first.refresh);
        assert!(server.opens(&Key::Refresh(again[0].refresh.clone())));
    }
}

#[test]
fn rt_13_a_lost_reply_costs_nothing() {
    let server = impatient();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let mut tokens = server.tokens(&server.person("alice"));
    for _ in 0..40 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
        let request = server.post("/oauth/token").form(&form).bytes();
        let mut connection = server.connect();
        // Cut off while the request is on its way, while it is handled, or when the answer is there.
        let cut = usize::try_from(chance.below(4)).unwrap();
        let sent = if cut == 0 { request.len() / 2 } else { request.len() };
        connection.write(&request[..sent]);
        std::thread::sleep(std::time::Duration::from_micros(chance.below(3000) * u64::from(cut > 1)));
        drop(connection);
        // The client knows the old token only, and asks again.
        let again = server.refreshed(&tokens.refresh);
        assert_eq!(again.session, tokens.session);
        tokens = again;
    }
    assert!(server.opens(&Key::Bearer(tokens.access)));
}

#[test]
fn rt_19_a_long_chain_stays_one_row() {
    let server = TestServer::with(|settings| settings.set("token.unsafe_refresh_grace", "\"0s\""));
    let alice = server.person("alice");
    let first = server.tokens(&alice);
    let mut last = first.clone();
    for _ in 0..300 {
        last = server.refreshed(&last.refresh);
    }
    assert_eq!(server.sessions(&server.cookie(&alice)).len(), 2, "the chain and the cookie");
    server.refresh(&first.refresh).oauth_error(400, "invalid_grant");
    assert!(!server.opens(&Key::Refresh(last.refresh)), "and its first token is still known for what it is");
}

#[test]
fn rt_07_scope_narrows_and_never_widens() {
    let server = TestServer::with(|settings| settings.set("token.scopes", r#"["read", "write", "other"]"#));
    let alice = server.person("alice");
    let tokens = Tokens::of(&server.token_answer(&alice, json!({ "scope": "read write" })));
    let refresh = |scope: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh), ("scope", scope)];
        server.post("/oauth/token").form(&form).send()
    };
    for scope in ["other", "read other", "admin", "read,write", "READ"] {
        refresh(scope).oauth_error(400, "invalid_scope");
    }
    let narrowed = refresh("write").gives(200);
    assert_eq!(narrowed["scope"], "write");
    assert_eq!(claims(narrowed["access_token"].as_str().unwrap())["scope"], "write");
    // What was not consumed before, and is not narrowed for good.
    assert_eq!(refresh("").gives(200)["scope"], "read write");
    assert_eq!(refresh("read").gives(200)["refresh_token"], narrowed["refresh_token"]);
}

#[test]
fn rt_09_a_chain_ends_at_its_absolute_end_however_busy_it_is() {
    let server = TestServer::with(|settings| {
        settings.set("token.refresh_absolute", "\"3s\"");
        settings.set("token.unsafe_refresh_grace", "\"0s\"");
    });
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let cookie = server.cookie(&alice);
    let session =
        server.get("/v1/sessions/current").bearer(&tokens.access).send().gives(200)["session"].clone();
    let end = time::parse(session["expires_at"].as_str().unwrap());
    let mut last = tokens.refresh;
    // In the session's last second there is no whole second left for a token: `exp` never passes the session's end.
    while time::millis() < end - 1100 {
        let body = server.refresh(&last).gives(200);
        let exp = claims(body["access_token"].as_str().unwrap())["exp"].as_i64().unwrap();
        assert!(exp * 1000 <= end);
        last = body["refresh_token"].as_str().unwrap().to_owned();
    }
    time::wait_until(end);
    server.refresh(&last).oauth_error(400, "invalid_grant");
    assert_eq!(server.sessions(&cookie).len(), 1);
}

#[test]
fn a_chain_ends_when_it_is_idle() {
    let server = TestServer::with(|settings| settings.set("token.refresh_idle", "\"2s\""));
    let alice = server.person("alice");
    let (idle, busy) = (server.tokens(&alice), server.tokens(&alice));
    let began = time::millis();
    time::wait_until(began + 1200);
    let busy = server.refreshed(&busy.refresh);
    time::wait_until(began + 2500);
    server.refresh(&idle.refresh).oauth_error(400, "invalid_grant");
    server.refresh(&busy.refresh).gives(200);
}

#[test]
fn js_27_no_part_and_no_longer_form_of_a_token_is_one() {
    let server = TestServer::start();
    let tokens = server.tokens(&server.person("alice"));
    let token = &tokens.refresh;
    let mut others: Vec<String> = (0..token.len()).map(|length| token[..length].to_owned()).collect();
    others.extend(["A", "=", "==", ".", " ", "\n", "%00"].map(|end| format!("{token}{end}")));
    others.extend([
        format!(" {token}"),
        token.replace("ref_", "REF_"),
        token.replace("ref_", ""),
        token.replace("ref_", "ses_"),
    ]);
    // One bit of each character.
    others.extend((4..token.len()).map(|at| {
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &token[..at], &token[at + 1..])
    }));
    for other in others.iter().filter(|other| !other.is_empty()) {
        server.refresh(other).oauth_error(400, "invalid_grant");
    }
    server.refresh("").oauth_error(400, "invalid_request");
    assert!(server.opens(&Key::Refresh(tokens.refresh)), "none of it did anything");
}

#[test]
fn js_29_other_secrets_are_no_refresh_tokens() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, tokens) = (server.cookie(&alice), server.tokens(&alice));
    for other in [&cookie, &tokens.access, &tokens.session, &format!("ref_{}", &cookie[4..])] {
        server.refresh(other).oauth_error(400, "invalid_grant");
    }
    assert!(server.opens(&Key::Cookie(cookie)) && server.opens(&Key::Refresh(tokens.refresh)));
}

#[test]
fn requests_that_are_not_understood_move_nothing() {
    let server = TestServer::with(|settings| settings.set("token.unsafe_refresh_grace", "\"0s\""));
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let token = tokens.refresh.as_str();
    let post = |fields: &[(&str, &str)]| server.post("/oauth/token").form(fields).send();
    post(&[]).oauth_error(400, "invalid_request");
    post(&[("refresh_token", token)]).oauth_error(400, "invalid_request");
    post(&[("grant_type", ""), ("refresh_token", token)]).oauth_error(400, "invalid_request");
    post(&[("grant_type", "refresh_token")]).oauth_error(400, "invalid_request");
    post(&[("grant_type", "refresh_token"), ("refresh_token", "")]).oauth_error(400, "invalid_request");
    for grant in ["password", "authorization_code", "client_credentials", "refresh", "REFRESH_TOKEN"] {
        post(&[("grant_type", grant), ("refresh_token", token)]).oauth_error(400, "unsupported_grant_type");
    }
    let pair = [("grant_type", "refresh_token"), ("refresh_token", token)];
    for repeated in [("grant_type", "refresh_token"), ("refresh_token", token), ("refresh_token", "")] {
        post(&[pair[0], pair[1], repeated]).oauth_error(400, "invalid_request");
    }
    post(&[pair[0], pair[1], ("scope", ""), ("scope", "")]).oauth_error(400, "invalid_request");
    for body in [
        format!("grant_type=refresh_token&refresh_token={token}&x=%ff"),
        format!("grant_type=refresh_token&refresh_token={token}&x=%zz"),
        format!("grant_type=refresh_token&refresh_token={token}&x=%"),
    ] {
        server.post("/oauth/token").body(FORM, body).send().oauth_error(400, "invalid_request");
    }
    // RT-15: in the query it is not looked for; and a body of another type is none.
    let query = format!("/oauth/token?grant_type=refresh_token&refresh_token={token}");
    server.post(&query).form(&[]).send().oauth_error(400, "invalid_request");
    server.get(&query).send().oauth_error(405, "invalid_request");
    let body = json!({ "grant_type": "refresh_token", "refresh_token": token });
    server.post("/oauth/token").json(body).send().oauth_error(415, "invalid_request");
    server
        .post("/oauth/token")
        .untyped(format!("grant_type=refresh_token&refresh_token={token}"))
        .send()
        .oauth_error(415, "invalid_request");
    // Unknown ones are ignored, and `resource` and `audience` may be repeated.
    let odd = [
        pair[0],
        pair[1],
        ("x", "1"),
        ("resource", "a"),
        ("resource", "b"),
        ("audience", "a"),
        ("audience", "b"),
    ];
    post(&odd).gives(200);
}

#[test]
fn a_cookie_is_never_read_and_nothing_is_refused_for_where_it_comes_from() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, tokens) = (server.cookie(&alice), server.tokens(&alice));
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    let elsewhere = server.post("/oauth/token").cookie(&cookie).field("Sec-Fetch-Site", "cross-site");
    elsewhere.field("Origin", "https://attacker.example").form(&form).send().gives(200);
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn jd_18_a_flood_of_bad_tokens_writes_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let tokens = server.tokens(&alice);
    let size = || std::fs::metadata(server.data().join("symbolon.db-wal")).map_or(0, |about| about.len());
    let (rows, before) = (server.activity(&cookie), size());
    let forged = altered(&tokens.refresh);
    for _ in 0..300 {
        server.refresh(&forged).oauth_error(400, "invalid_grant");
    }
    assert_eq!((server.activity(&cookie), size()), (rows, before));
    assert!(server.opens(&Key::Refresh(tokens.refresh)));
}

#[test]
fn rt_06_an_authenticated_client_gets_nothing_for_another_clients_token() {
    let server = TestServer::with(|settings| settings.set("token.unsafe_refresh_grace", "\"0s\""));
    let (id, secret) = super::revoke::client(&server, "introspect");
    let tokens = server.tokens(&server.person("alice"));
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    let post = || server.post("/oauth/token").form(&form);
    post().basic(&id, &secret).send().oauth_error(400, "invalid_grant");
    post().bearer(&secret).send().oauth_error(400, "invalid_grant");
    let wrong = post().basic(&id, "key_wrong_wrong_wrong").send();
    assert_eq!(wrong.field("www-authenticate"), Some("Basic realm=\"symbolon\", charset=\"UTF-8\""));
    wrong.oauth_error(401, "invalid_client");
    // Nor for whoever only names another client.
    let named = |id: &'static str| [form[0], form[1], ("client_id", id)];
    server.post("/oauth/token").form(&named("other")).send().oauth_error(400, "invalid_grant");
    // It still works once, for whom it is.
    server.post("/oauth/token").form(&named("symbolon")).send().gives(200);
    server.refresh(&tokens.refresh).oauth_error(400, "invalid_grant");
}
