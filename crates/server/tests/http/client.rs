//! Requests as tests write them, and what tests say about answers.

use serde_json::Value;

use crate::{
    raw::{Answer, Connection},
    server::TestServer,
};

/// The media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A request in the making. It carries what is set and nothing else: no `Origin`, no `Sec-Fetch-Site`, no `User-Agent`.
#[derive(Clone)]
pub(crate) struct Request<'s> {
    server: &'s TestServer,
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl TestServer {
    pub(crate) fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request {
            server: self,
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(&self, target: &str) -> Request<'_> {
        self.request("GET", target)
    }

    pub(crate) fn post(&self, target: &str) -> Request<'_> {
        self.request("POST", target)
    }

    pub(crate) fn patch(&self, target: &str) -> Request<'_> {
        self.request("PATCH", target)
    }

    pub(crate) fn delete(&self, target: &str) -> Request<'_> {
        self.request("DELETE", target)
    }

    /// A connection for several requests, or for odd ones.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// Remembers every secret in an answer.
    fn learn(&self, answer: &Answer) {
        for line in answer.all("set-cookie") {
            self.hide(line.split(['=', ';']).nth(1).unwrap_or_default());
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return };
        for member in ["access_token", "refresh_token"] {
            // Of a token the signature alone is secret by itself, and the rest is as good as its hint.
            let text = body[member].as_str().unwrap_or_default();
            text.split('.').skip(1).chain([text]).for_each(|part| self.hide(part));
        }
    }
}

impl Request<'_> {
    /// Adds a field.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The session cookie.
    pub(crate) fn cookie(self, value: &str) -> Self {
        let line = format!("{}={value}", self.server.cookie_name());
        self.field("Cookie", &line)
    }

    /// `Authorization: Bearer`.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.field("Authorization", &format!("Bearer {token}"))
    }

    /// `Authorization: Basic`.
    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        use base64::{Engine, engine::general_purpose::STANDARD};
        self.server.hide(secret);
        let value = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        self.field("Authorization", &value)
    }

    /// What a browser says of a request from the site's own page.
    pub(crate) fn same_origin(self) -> Self {
        self.field("Sec-Fetch-Site", "same-origin")
    }

    /// A body of some type.
    pub(crate) fn body(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self.field("Content-Type", media_type)
    }

    /// A body without a type.
    pub(crate) fn untyped(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// A JSON body. Passwords in it are secrets.
    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes a value")]
    pub(crate) fn json(self, body: Value) -> Self {
        for member in ["password", "current", "new"] {
            self.server.hide(body[member].as_str().unwrap_or_default());
        }
        self.body("application/json", body.to_string())
    }

    /// A form body.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body(FORM, pairs.join("&"))
    }

    /// The request's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let given = |name: &str| self.fields.iter().any(|(this, _)| this.eq_ignore_ascii_case(name));
        if !given("host") {
            head.push_str("Host: 127.0.0.1\r\n");
        }
        if !given("connection") {
            head.push_str("Connection: close\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }

    /// Sends it; `None` when no answer came, because the server is not there, or went away.
    pub(crate) fn try_send(&self) -> Option<Answer> {
        let mut connection = Connection::try_open(self.server.address()).ok()?;
        connection.write(self.bytes());
        let answer = connection.answer(self.method == "HEAD")?;
        self.server.learn(&answer);
        assert!(
            answer.status != 500 || self.server.may_fail,
            "never a 500: {} {}: {answer:?}",
            self.method,
            self.target
        );
        Some(answer)
    }

    /// Sends it and reads the answer.
    #[track_caller]
    pub(crate) fn send(&self) -> Answer {
        self.try_send().unwrap_or_else(|| panic!("an answer to {} {}", self.method, self.target))
    }
}

/// Percent-encoding of everything that is not unreserved.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A `Set-Cookie` field, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// As they stand, such as `Max-Age=0`.
    pub(crate) attributes: Vec<String>,
}

impl SetCookie {
    /// Seconds of `Max-Age`.
    pub(crate) fn max_age(&self) -> Option<i64> {
        let text = self.attributes.iter().find_map(|attribute| attribute.strip_prefix("Max-Age="))?;
        Some(text.parse().unwrap())
    }
}

/// The names of a problem document that every one has.
const STANDING: [&str; 5] = ["type", "title", "status", "detail", "code"];

impl Answer {
    /// The status, and the answer again.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.comparable());
        assert_eq!(self.field("x-request-id").map(str::len), Some(16), "every answer names its request");
        self
    }

    /// 200 or 201 with a JSON body that nobody keeps.
    #[track_caller]
    pub(crate) fn gives(self, status: u16) -> Value {
        let this = self.is(status);
        assert_eq!(this.field("content-type"), Some("application/json"), "{}", this.comparable());
        assert_eq!(this.field("cache-control"), Some("no-store"), "{}", this.comparable());
        this.json()
    }

    /// 204: no body, nothing that describes one, kept by nobody.
    #[track_caller]
    pub(crate) fn no_content(self) -> Self {
        let this = self.is(204);
        assert!(this.field("content-type").is_none() && this.body.is_empty(), "{}", this.comparable());
        assert_eq!(this.field("cache-control"), Some("no-store"));
        this
    }

    /// A problem with exactly the standing members; its document.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let body = self.problem_with(status, code);
        let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
        names.retain(|name| !STANDING.contains(&name.as_str()));
        assert!(names.is_empty(), "no members that the contract does not name: {body}");
        body
    }

    /// A problem with further members; its document. What every problem has is checked here, once for all tests: type, members,
    /// challenge, and that it is not kept and sets no cookie (BT-14).
    #[track_caller]
    pub(crate) fn problem_with(self, status: u16, code: &str) -> Value {
        let this = self.is(status);
        let shown = this.comparable();
        assert_eq!(this.field("content-type"), Some("application/problem+json"), "{shown}");
        assert_eq!(this.field("cache-control"), Some("no-store"), "{shown}");
        assert!(this.all("set-cookie").is_empty(), "{shown}");
        let body = this.json();
        assert_eq!(body["code"], code, "{shown}");
        assert_eq!(body["type"], format!("urn:symbolon:problem:{code}"), "{shown}");
        assert_eq!(body["status"], status, "{shown}");
        assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{shown}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{shown}");
        // Whoever offers nothing is told of both schemes.
        let mut challenges = this.all("www-authenticate");
        challenges.retain(|challenge| !challenge.starts_with("DPoP algs="));
        let challenge = match (status, code) {
            (401, "invalid_token") => Some("Bearer realm=\"symbolon\", error=\"invalid_token\""),
            // RFC 9470; `max_age` is checked where it is caused.
            (401, "fresh_login_required") => challenges.first().copied(),
            (401, _) => Some("Bearer realm=\"symbolon\""),
            (403, "insufficient_scope") => challenges.first().copied(),
            _ => None,
        };
        assert_eq!(challenges, challenge.into_iter().collect::<Vec<_>>(), "{shown}");
        assert_eq!(
            body.get("instance").is_some(),
            status >= 500,
            "a 5xx and nothing else has an instance: {shown}"
        );
        assert_eq!(
            this.field("retry-after").is_some(),
            matches!(code, "too_many_attempts" | "overloaded"),
            "{shown}"
        );
        body
    }

    /// An error in OAuth's form (RFC 6749 §5.2).
    #[track_caller]
    pub(crate) fn oauth_error(self, status: u16, error: &str) -> Self {
        let this = self.is(status);
        let shown = this.comparable();
        assert_eq!(this.field("content-type"), Some("application/json"), "{shown}");
        assert_eq!(this.field("cache-control"), Some("no-store"), "{shown}");
        assert_eq!(this.field("pragma"), Some("no-cache"), "{shown}");
        assert!(this.all("set-cookie").is_empty(), "{shown}");
        let body = this.json();
        assert_eq!(body["error"], error, "{shown}");
        let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["error", "error_description"], "{shown}");
        let description = body["error_description"].as_str().unwrap();
        // §5.2: the characters it may hold.
        assert!(description.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\'), "{shown}");
        this
    }

    /// The `Set-Cookie` fields, in their order.
    pub(crate) fn cookies(&self) -> Vec<SetCookie> {
        let taken_apart = |line: &str| {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let attributes = parts.map(str::to_owned).collect();
            SetCookie { name: name.to_owned(), value: value.to_owned(), attributes }
        };
        self.all("set-cookie").into_iter().map(taken_apart).collect()
    }

    /// The value of the session cookie that is set.
    #[track_caller]
    pub(crate) fn session_cookie(&self) -> String {
        let cookies = self.cookies();
        let session = cookies.iter().find(|cookie| cookie.value.starts_with("ses_"));
        session.unwrap_or_else(|| panic!("a session cookie: {}", self.comparable())).value.clone()
    }
}
