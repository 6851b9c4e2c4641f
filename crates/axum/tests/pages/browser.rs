//! A browser without a network: it keeps cookies, says where its requests come from, and sends forms, over a router in this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, header},
};
use http_body_util::BodyExt;
use symbolon::{Symbolon, limits::Settings, password::params::Argon2Params};
use symbolon_axum::{Auth, Options};
use tower::ServiceExt;

pub(crate) const ORIGIN: &str = "http://127.0.0.1:7117";
pub(crate) const PASSWORD: &str = "plum-tugboat-47-lantern";

/// Settings that hash fast.
pub(crate) fn settings(issuer: &str) -> Settings {
    let mut settings = Settings::new(issuer);
    settings.hashing.params = Argon2Params::dangerously_weak_for_tests();
    settings
}

/// The whole of a process that is only Symbolon, over a store in memory.
pub(crate) async fn site(settings: Settings, options: Options) -> (Auth, Router) {
    let issuer = settings.issuer.clone();
    let engine = Symbolon::builder(&issuer).settings(settings).open().await.unwrap();
    let auth = Auth::new(engine, options).unwrap();
    let base = issuer.strip_prefix(ORIGIN).unwrap_or_default();
    let router = if base.is_empty() {
        auth.router()
    } else {
        Router::new().nest(base, auth.router()).merge(auth.well_known())
    };
    (auth.clone(), router.fallback_service(auth.fallback()))
}

#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) router: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    /// `Sec-Fetch-Site` of what it sends; `None` for an old one.
    pub(crate) site: Option<&'static str>,
    pub(crate) origin: Option<&'static str>,
    pub(crate) address: SocketAddr,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Where a 303 leads.
    #[track_caller]
    pub(crate) fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location")
    }

    #[track_caller]
    pub(crate) fn says(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.text.contains(words), "{words:?} is not in {}", self.text);
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8");
    }

    /// The `Set-Cookie` line of a cookie.
    pub(crate) fn sets(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        lines.into_iter().find(|line| line.split('=').next() == Some(name))
    }
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

impl Browser {
    pub(crate) fn new(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookies: BTreeMap::new(),
            site: Some("same-origin"),
            origin: None,
            address: SocketAddr::from(([203, 0, 113, 7], 40_000)),
        }
    }

    /// A copy that stands on a page of another site.
    pub(crate) fn elsewhere(&self, site: &'static str, origin: &'static str) -> Self {
        Self { site: Some(site), origin: Some(origin), ..self.clone() }
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.cookies.get("symbolon").map(String::as_str)
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let headers = request.headers_mut();
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8"));
        if let Some(site) = self.site {
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        }
        if let Some(origin) = self.origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        if !self.cookies.is_empty() {
            let jar: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert(header::COOKIE, jar.join("; ").parse().unwrap());
        }
        for (name, value) in fields {
            headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(self.address));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    fn keep(&mut self, line: &str) {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        if line.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.into(), value.into());
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_raw(path, &encoded(fields)).await
    }

    pub(crate) async fn post_raw(&mut self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    pub(crate) async fn register(&mut self, base: &str, name: &str) -> Answer {
        let fields = [("identifier", name), ("password", PASSWORD), ("again", PASSWORD)];
        self.post(&format!("{base}/register"), &fields).await
    }

    pub(crate) async fn login(&mut self, name: &str) -> Answer {
        self.post("/login", &[("identifier", name), ("password", PASSWORD), ("remember", "true")]).await
    }

    /// Whether the session it holds opens anything.
    pub(crate) async fn is_in(&mut self) -> bool {
        self.get("/account").await.status == 200
    }
}
