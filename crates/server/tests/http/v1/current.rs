//! `/v1/sessions/current`: who I am logged in as, and logout.

use serde_json::json;

use super::sessions::SESSION;
use crate::{
    people::{Key, names},
    server::TestServer,
};

#[test]
fn the_current_session_comes_with_its_user() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let body = server.get("/v1/sessions/current").cookie(&cookie).send().gives(200);
    assert_eq!(names(&body), ["session", "user"]);
    assert_eq!(names(&body["session"]), SESSION);
    assert_eq!(body["session"]["current"], true);
    assert_eq!(body["user"], server.me(&Key::Cookie(cookie)).gives(200)["user"]);

    let tokens = server.tokens(&alice);
    let body = server.get("/v1/sessions/current").bearer(&tokens.access).send().gives(200);
    assert_eq!(body["session"]["id"], tokens.session.as_str());
    assert_eq!(body["session"]["carrier"], "token");

    // A stateless token has none.
    server.get("/v1/sessions/current").bearer(&server.stateless(&alice)).send().problem(404, "not_found");
    server.get("/v1/sessions/current").send().problem(401, "no_session");
}

#[test]
fn logout_by_cookie_ends_the_session_and_removes_the_cookie() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, other) = (server.cookie(&alice), server.cookie(&alice));
    let exchanged = server.exchange(&cookie);
    let answer = server.delete("/v1/sessions/current").cookie(&cookie).send().no_content();
    assert_eq!(answer.all("set-cookie"), ["symbolon=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
    // CK-06: `Clear-Site-Data` by setting.
    assert_eq!(answer.field("clear-site-data"), None);
    assert!(!server.opens(&Key::Cookie(cookie.clone())) && !server.opens(&Key::Bearer(exchanged)));
    assert!(server.opens(&Key::Cookie(other)));
    // An ending whose own credential is ended already.
    server.delete("/v1/sessions/current").cookie(&cookie).send().problem(401, "no_session");
}

#[test]
fn ck_06_clear_site_data_is_sent_when_it_is_set() {
    let server = TestServer::with(|settings| settings.set("logout.clear_site_data", "true"));
    let alice = server.person("alice");
    let all = "\"cache\", \"cookies\", \"storage\"";
    for path in ["/v1/sessions/current", "/v1/sessions", "/v1/me"] {
        let answer = server.delete(path).cookie(&server.cookie(&alice)).send().no_content();
        assert_eq!(answer.field("clear-site-data"), Some(all), "{path}");
    }
    let bob = server.person("bob");
    let answer =
        server.delete("/v1/sessions/current").bearer(&server.tokens(&bob).access).send().no_content();
    assert_eq!(answer.field("clear-site-data"), None, "by bearer there is no browser to clear");
}

#[test]
fn logout_by_bearer_ends_its_session_or_the_token_that_stands_alone() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let (gone, stays) = (server.stateless(&alice), server.stateless(&alice));
    let answer = server.delete("/v1/sessions/current").bearer(&tokens.access).send().no_content();
    assert!(answer.cookies().is_empty());
    assert!(
        !server.opens(&Key::Bearer(tokens.access.clone())) && !server.opens(&Key::Refresh(tokens.refresh))
    );
    server.delete("/v1/sessions/current").bearer(&tokens.access).send().problem(401, "invalid_token");

    server.delete("/v1/sessions/current").bearer(&gone).send().no_content();
    assert!(!server.opens(&Key::Bearer(gone)) && server.opens(&Key::Bearer(stays)));

    // The access token of a browser's session ends that session: it is the same one.
    let cookie = server.cookie(&alice);
    let exchanged = server.exchange(&cookie);
    server.delete("/v1/sessions/current").bearer(&exchanged).send().no_content();
    assert!(!server.opens(&Key::Cookie(cookie)) && !server.opens(&Key::Bearer(exchanged)));
}

#[test]
fn what_is_not_asked_for_ends_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    server.delete("/v1/sessions/current?x=1").cookie(&cookie).send().problem(400, "invalid_request");
    server.get("/v1/sessions/current?x=1").cookie(&cookie).send().problem(400, "invalid_request");
    server
        .post("/v1/sessions/current")
        .cookie(&cookie)
        .json(json!({}))
        .send()
        .problem(405, "method_not_allowed");
    server.delete("/v1/sessions/current/").cookie(&cookie).send().problem(404, "not_found");
    assert_eq!(server.picture(&cookie), before);
}
