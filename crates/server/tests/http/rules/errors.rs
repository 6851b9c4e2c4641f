//! The "Errors" table: routes that there are not, methods that they do not take, and what every refusal has. (Each code is also
//! tested where it is caused; what all problems have in common stands in `client.rs`.)

use super::{ROUTES, is_oauth, protected, with_somebody};
use crate::{people::names, server::TestServer};

#[test]
fn unknown_paths_are_404_in_the_form_of_their_kind() {
    let (server, cookie, token) = with_somebody();
    for path in
        ["/v1/nothing", "/v1/me/nothing", "/v1/users/1", "/v1/tokens/x", "/v1/me.json", "/v1/me/x.css"]
    {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            server.request(method, path).send().problem(404, "not_found");
            server.request(method, path).cookie(&cookie).send().problem(404, "not_found");
            server.request(method, path).bearer(&token).send().problem(404, "not_found");
        }
    }
    for path in ["/oauth/nothing", "/oauth/token/", "/oauth/token/x", "/oauth/authorize"] {
        server.get(path).send().oauth_error(404, "invalid_request");
        server.post(path).form(&[]).send().oauth_error(404, "invalid_request");
    }
    for path in ["/nothing", "/.well-known/nothing", "/.git/config", "/v2/me"] {
        server.get(path).send().is(404);
    }
}

#[test]
fn bt_17_ht_18_other_methods_are_405_with_allow() {
    let (server, cookie, _) = with_somebody();
    for route in ROUTES {
        let mut allowed: Vec<&str> = route.methods.to_vec();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW", "get"] {
            if allowed.contains(&method) {
                continue;
            }
            let answer = server.request(method, route.path).cookie(&cookie).same_origin().send();
            let mut said: Vec<&str> = answer.field("allow").unwrap().split(',').map(str::trim).collect();
            said.sort_unstable();
            assert_eq!(said, allowed, "{method} {}", route.path);
            if is_oauth(route.path) {
                answer.oauth_error(405, "invalid_request");
            } else {
                answer.problem(405, "method_not_allowed");
            }
        }
        for method in ["TRACE", "CONNECT"] {
            let target = if method == "CONNECT" { "127.0.0.1:80" } else { route.path };
            let answer = server.request(method, target).field("X-Canary", "canary-of-trace").send().is(405);
            assert!(answer.field("allow").is_some() && !answer.text().contains("canary"));
        }
    }
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

#[test]
fn bt_17_head_is_refused_like_get() {
    let (server, cookie, token) = with_somebody();
    for (method, path) in protected() {
        if method != "GET" {
            continue;
        }
        let bare = server.request("HEAD", path).send().is(401);
        assert_eq!(bare.all("www-authenticate").first(), Some(&"Bearer realm=\"symbolon\""));
        server.request("HEAD", path).bearer("junk").send().is(401);
        for request in
            [server.request("HEAD", path).cookie(&cookie), server.request("HEAD", path).bearer(&token)]
        {
            assert!(request.send().is(200).body.is_empty());
        }
    }
    // CS-10: HEAD has no effect that GET has not.
    server.request("HEAD", "/v1/sessions/current").cookie(&cookie).send().is(200);
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

#[test]
fn bt_01_every_protected_call_asks_for_a_credential() {
    let server = TestServer::start();
    for (method, path) in protected() {
        server.request(method, path).same_origin().send().problem(401, "no_session");
        server.request(method, path).same_origin().cookie("junk").send().problem(401, "no_session");
        server.request(method, path).bearer("junk").send().problem(401, "invalid_token");
        // BT-18: never 304 or 206.
        let odd = server
            .request(method, path)
            .same_origin()
            .field("If-None-Match", "*")
            .field("Range", "bytes=0-0");
        odd.field("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT").send().problem(401, "no_session");
    }
}

#[test]
fn lg_05_refusals_speak_of_nothing_inside() {
    let (server, cookie, _) = with_somebody();
    let inside = [
        "sql", "src/", ".rs", "panick", "serde", "axum", "hyper", "thread", "stack", "expected", "line ",
        "column",
    ];
    for route in ROUTES {
        for method in ["GET", "POST", "PATCH", "DELETE", "BREW"] {
            for body in ["", "{", "\u{0}\u{1}", "[[[[", "{\"identifier\":1}", "a=%"] {
                for media_type in ["application/json", "application/x-www-form-urlencoded"] {
                    // The DELETE of these would end what the next one needs.
                    if method == "DELETE" && route.methods.contains(&"DELETE") {
                        continue;
                    }
                    let request = server.request(method, route.path).cookie(&cookie).same_origin();
                    let answer = request.body(media_type, body).send();
                    assert!(answer.status < 500, "{method} {}: {}", route.path, answer.comparable());
                    if answer.status < 400 {
                        continue;
                    }
                    let text = answer.text().to_lowercase();
                    for word in inside {
                        assert!(!text.contains(word), "{word}: {}", answer.comparable());
                    }
                    let body = answer.json();
                    let known = if is_oauth(route.path) { 2 } else { 5 };
                    assert_eq!(names(&body).len(), known, "{body}");
                }
            }
        }
    }
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

#[test]
fn ht_25_nobody_says_what_this_is_made_of() {
    let (server, cookie, _) = with_somebody();
    for request in [
        server.get("/v1/me").cookie(&cookie),
        server.get("/nothing"),
        server.get("/v1/me"),
        server.get("/healthz"),
        server.request("TRACE", "/v1/me"),
    ] {
        let answer = request.send();
        for name in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.field(name), None);
        }
        assert!(!answer.comparable().contains(env!("CARGO_PKG_VERSION")), "{}", answer.comparable());
    }
}
