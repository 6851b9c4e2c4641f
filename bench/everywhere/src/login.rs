//! Logins of both carriers: how one is made, shown and revoked.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use http::{Method, header};
use serde_json::{Value, json};

use crate::client::{Client, Sent};

/// Who logs in: a few users, as one may have so many sessions and no more.
pub(crate) const USERS: usize = 64;
const PASSWORD: &str = "nine amber lanterns drift";

/// A node or a guard, by a connection of one's own.
pub(crate) struct Place {
    pub(crate) client: Client,
    /// What answers 200 to a login.
    door: &'static str,
}

/// A login.
#[derive(Clone)]
pub(crate) enum Login {
    Cookie(String),
    Token { access: String, refresh: String },
}

impl Place {
    pub(crate) fn node(address: SocketAddr) -> Self {
        Self { client: Client::of(address), door: "/v1/me" }
    }

    pub(crate) fn guard(address: SocketAddr) -> Self {
        Self { client: Client::of(address), door: "/door" }
    }

    /// Two nodes and a guard, by their addresses.
    pub(crate) fn all([one, two, guard]: [SocketAddr; 3]) -> [Self; 3] {
        [Self::node(one), Self::node(two), Self::guard(guard)]
    }

    /// The status with which the door answers.
    pub(crate) async fn check(&mut self, login: &Login) -> Result<u16> {
        Ok(self.client.send(Method::GET, self.door, &login.shown()).await?.status)
    }

    /// Logs in at a node; the status instead, where it has none to give.
    pub(crate) async fn log_in(&mut self, number: usize) -> Result<std::result::Result<Login, u16>> {
        let by_cookie = number.is_multiple_of(2);
        let path = if by_cookie { "/v1/sessions" } else { "/v1/tokens" };
        let account = json!({ "identifier": user(number / 2 % USERS), "password": PASSWORD });
        let answer = self.client.send(Method::POST, path, &Sent::default().json(&account)).await?;
        if answer.status != 201 {
            return Ok(Err(answer.status));
        }
        if by_cookie {
            let lines =
                answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
            let mut sessions = lines.filter(|line| line.starts_with("symbolon="));
            let session = sessions.next().and_then(|line| line.split(';').next());
            return Ok(Ok(Login::Cookie(session.context("a login without a cookie")?.to_owned())));
        }
        let body: Value = serde_json::from_slice(&answer.body)?;
        let text = |name: &str| body[name].as_str().map(str::to_owned).context("a login without a token");
        Ok(Ok(Login::Token { access: text("access_token")?, refresh: text("refresh_token")? }))
    }

    /// [`Place::log_in`], which must succeed.
    pub(crate) async fn must_log_in(&mut self, number: usize) -> Result<Login> {
        self.log_in(number).await?.map_err(|status| anyhow::anyhow!("a login was answered {status}"))
    }

    /// Ends a login at a node; the status, and whether it is that of success.
    pub(crate) async fn revoke(&mut self, login: &Login) -> Result<(u16, bool)> {
        let (method, path, sent, done) = match login {
            Login::Cookie(_) => (Method::DELETE, "/v1/sessions/current", login.shown(), 204),
            Login::Token { refresh, .. } => {
                (Method::POST, "/oauth/revoke", Sent::default().form(format!("token={refresh}")), 200)
            }
        };
        let status = self.client.send(method, path, &sent).await?.status;
        Ok((status, status == done))
    }
}

impl Login {
    fn shown(&self) -> Sent {
        match self {
            Self::Cookie(cookie) => Sent::default().with(header::COOKIE, cookie),
            Self::Token { access, .. } => {
                Sent::default().with(header::AUTHORIZATION, format!("Bearer {access}"))
            }
        }
    }
}

fn user(number: usize) -> String {
    format!("user-{number}@example.org")
}

/// Registers the users, where they are not.
pub(crate) async fn register(node: &mut Place) -> Result<()> {
    for number in 0..USERS {
        let account = json!({ "identifier": user(number), "password": PASSWORD });
        let status =
            node.client.send(Method::POST, "/v1/users", &Sent::default().json(&account)).await?.status;
        ensure!(matches!(status, 201 | 409), "a registration was answered {status}");
    }
    Ok(())
}
