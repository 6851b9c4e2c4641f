//! Checks in process, of logins that the guard has seen before: what they take, that memory alone answers them, and what they allocate.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result, ensure};
use http::{Method, header};
use serde_json::{Value, json};
use symbolon_guard::{Freshness, Guard};
use symbolon_http::{Check, Credential};
use symbolon_token::SessionCookie;

use crate::{
    client::{Client, Sent},
    login::{self, Login, Place, USERS},
};

const TOKENS: usize = 10_000;
const COOKIES: usize = 8 * USERS;
const CHECKS: usize = 200_000;
const ROUNDS: usize = 21;

pub(crate) async fn measure(issuer: &str, secret: &str, node: SocketAddr) -> Result<Value> {
    let guard = Guard::builder(issuer, secret).node(format!("http://{node}")).open().await?;
    let check = guard.check(Freshness::Local);
    let cookies = cookies(node).await?;
    let tokens = tokens(node, &cookies[0]).await?;
    let cookies: Vec<Credential> =
        cookies.iter().filter_map(|text| SessionCookie::parse(text)).map(Credential::Cookie).collect();
    ensure!(cookies.len() == COOKIES, "a cookie cannot be read");
    let ended = guard.standing().ended;
    let [by_token, by_cookie] = [measured(&*check, &tokens).await?, measured(&*check, &cookies).await?];
    Ok(json!({
        "token": by_token.micros, "token_allocations": by_token.allocations, "tokens": TOKENS,
        "cookie": by_cookie.micros, "cookie_allocations": by_cookie.allocations, "cookies": COOKIES,
        "asked": by_token.asked + by_cookie.asked, "ended": ended,
    }))
}

/// Of one check: microseconds, what it allocates, and how many of all were not answered by memory alone.
struct Cost {
    micros: f64,
    allocations: f64,
    asked: usize,
}

/// Checks credentials that were shown once before.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn measured(check: &dyn Check, shown: &[Credential]) -> Result<Cost> {
    for credential in shown {
        if check.recall(credential).is_none() {
            check.ask(credential, None).await.context("a login was refused")?;
        }
    }
    // A stride that is prime to their number: each is met as if by chance.
    let (mut at, mut asked, mut times) = (0, 0, Vec::new());
    let mut next = || {
        at = (at + 7_919) % shown.len();
        // `recall` waits for nobody: what it answers, it answers from memory, and `None` is that somebody must be asked.
        let answer = check.recall(std::hint::black_box(&shown[at]));
        asked += usize::from(answer.is_none());
        !matches!(answer, Some(Err(_)))
    };
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..CHECKS {
            ensure!(next(), "a login was refused");
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        times.push(began.elapsed().as_secs_f64() * 1e6 / CHECKS as f64);
    }
    let counted =
        allocation_counter::measure(|| (0..1_000).for_each(|_| assert!(std::hint::black_box(next()))));
    times.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let allocations = counted.count_total as f64 / 1e3;
    Ok(Cost { micros: times[ROUNDS / 2], allocations, asked })
}

/// The values of session cookies.
pub(crate) async fn cookies(node: SocketAddr) -> Result<Vec<String>> {
    let mut place = Place::node(node);
    login::register(&mut place).await?;
    let mut cookies = Vec::with_capacity(COOKIES);
    for number in 0..COOKIES {
        let Login::Cookie(line) = place.must_log_in(2 * number).await? else { continue };
        cookies.push(line.split_once('=').context("a cookie has a value")?.1.to_owned());
    }
    Ok(cookies)
}

/// Access tokens of one session, each with an id of its own.
async fn tokens(node: SocketAddr, cookie: &str) -> Result<Vec<Credential>> {
    let mut client = Client::of(node);
    let sent = Sent::default()
        .with(header::COOKIE, format!("symbolon={cookie}"))
        .with(http::HeaderName::from_static("sec-fetch-site"), "same-origin")
        .json(&json!({}));
    let mut tokens = Vec::with_capacity(TOKENS);
    for _ in 0..TOKENS {
        let answer = client.send(Method::POST, "/v1/sessions/current/token", &sent).await?;
        ensure!(answer.status == 200, "a token was answered {}", answer.status);
        let body: Value = serde_json::from_slice(&answer.body)?;
        tokens.push(Credential::Bearer(body["access_token"].as_str().context("a token")?.to_owned()));
    }
    Ok(tokens)
}
