//! Users of the tests: registering, logging in by every carrier, and whether a credential still opens anything.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::{raw::Answer, server::TestServer};

/// Somebody with a password.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) identifier: String,
    pub(crate) password: String,
}

/// A login by token.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) session: String,
}

/// One thing that may open a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Cookie(String),
    Bearer(String),
    Refresh(String),
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A password that nobody else has and that the policy accepts.
pub(crate) fn password() -> String {
    format!("walnut {} lantern over quarry", 1_000_003 + 7 * NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl TestServer {
    /// Registers somebody.
    #[track_caller]
    pub(crate) fn person(&self, identifier: &str) -> Person {
        let password = password();
        let body = json!({ "identifier": identifier, "password": password });
        let user = self.post("/v1/users").json(body).send().gives(201);
        Person { id: user["id"].as_str().unwrap().to_owned(), identifier: identifier.to_owned(), password }
    }

    /// The answer to a login by cookie.
    pub(crate) fn login(&self, person: &Person) -> Answer {
        let body = json!({ "identifier": person.identifier, "password": person.password });
        self.post("/v1/sessions").json(body).send()
    }

    /// Logs in by cookie: its value.
    #[track_caller]
    pub(crate) fn cookie(&self, person: &Person) -> String {
        self.login(person).is(201).session_cookie()
    }

    /// The body of a login by token that asks for more.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes a value")]
    pub(crate) fn token_answer(&self, person: &Person, more: Value) -> Value {
        let mut body = json!({ "identifier": person.identifier, "password": person.password });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/tokens").json(body).send().gives(201)
    }

    /// Logs in by token.
    #[track_caller]
    pub(crate) fn tokens(&self, person: &Person) -> Tokens {
        Tokens::of(&self.token_answer(person, json!({})))
    }

    /// Logs in by token, without a session.
    #[track_caller]
    pub(crate) fn stateless(&self, person: &Person) -> String {
        let answer = self.token_answer(person, json!({ "mode": "stateless" }));
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Cookie → token.
    #[track_caller]
    pub(crate) fn exchange(&self, cookie: &str) -> String {
        let answer = self.post("/v1/sessions/current/token").cookie(cookie).json(json!({})).send().gives(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The answer to a refresh.
    pub(crate) fn refresh(&self, token: &str) -> Answer {
        self.post("/oauth/token").form(&[("grant_type", "refresh_token"), ("refresh_token", token)]).send()
    }

    /// Refreshes.
    #[track_caller]
    pub(crate) fn refreshed(&self, token: &str) -> Tokens {
        Tokens::of(&self.refresh(token).gives(200))
    }

    /// `GET /v1/me` with a cookie or an access token.
    pub(crate) fn me(&self, key: &Key) -> Answer {
        match key {
            Key::Cookie(cookie) => self.get("/v1/me").cookie(cookie).send(),
            Key::Bearer(token) => self.get("/v1/me").bearer(token).send(),
            Key::Refresh(_) => panic!("a refresh token opens nothing by itself"),
        }
    }

    /// Whether the credential opens anything; a refusal must be the contract's. Asking a refresh token uses it.
    #[track_caller]
    pub(crate) fn opens(&self, key: &Key) -> bool {
        let answer = match key {
            Key::Refresh(token) => self.refresh(token),
            other => self.me(other),
        };
        match (key, answer.status) {
            (_, 200) => return true,
            (Key::Cookie(_), _) => drop(answer.problem(401, "no_session")),
            (Key::Bearer(_), _) => drop(answer.problem(401, "invalid_token")),
            (Key::Refresh(_), _) => drop(answer.oauth_error(400, "invalid_grant")),
        }
        false
    }

    /// The sessions that a cookie's user has, newest first.
    #[track_caller]
    pub(crate) fn sessions(&self, cookie: &str) -> Vec<Value> {
        let body = self.get("/v1/sessions").cookie(cookie).send().gives(200);
        body["sessions"].as_array().unwrap().clone()
    }

    /// The names of what happened to a cookie's user, newest first.
    #[track_caller]
    pub(crate) fn activity(&self, cookie: &str) -> Vec<String> {
        let body = self.get("/v1/me/activity").cookie(cookie).send().gives(200);
        let rows = body["activity"].as_array().unwrap();
        rows.iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect()
    }

    /// What must be the same before and after a refused request: the user, and the list of sessions without their activity.
    #[track_caller]
    pub(crate) fn picture(&self, cookie: &str) -> Value {
        let mut sessions = self.sessions(cookie);
        for session in &mut sessions {
            let session = session.as_object_mut().unwrap();
            session.remove("last_seen_at");
            session.remove("idle_expires_at");
        }
        json!({ "me": self.me(&Key::Cookie(cookie.to_owned())).gives(200), "sessions": sessions })
    }
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Value) -> Self {
        let text =
            |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), session: text("session_id") }
    }
}

/// A secret with another character in its middle: of the right shape, and never issued.
pub(crate) fn altered(secret: &str) -> String {
    let at = secret.len() / 2;
    let other = if &secret[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &secret[..at], &secret[at + 1..])
}

/// The payload of a JWT.
#[track_caller]
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a JWT.
#[track_caller]
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

#[track_caller]
fn part(token: &str, index: usize) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let segment = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

/// The names of an object's members, sorted.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
