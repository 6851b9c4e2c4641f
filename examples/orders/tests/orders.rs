//! The example as its users meet it: the built program beside the built server, each a process of its own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: what is not there is its failure")]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server's binary: what the workspace's tests were built with, or what is built now.
fn symbolon() -> PathBuf {
    if let Some(given) = std::env::var_os("SYMBOLON_BIN") {
        return given.into();
    }
    let beside = Path::new(env!("CARGO_BIN_EXE_orders")).with_file_name("symbolon");
    if !beside.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        let built = build.args(["build", "--locked", "--package", "symbolon-server"]).status().unwrap();
        assert!(built.success());
    }
    beside
}

struct World {
    issuer: String,
    orders: String,
    client: Client,
    _processes: [Process; 2],
    _data: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let issuer = format!("http://127.0.0.1:{port}");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(symbolon());
            command.args(arguments).arg("--data").arg(data.path().join("data")).current_dir(data.path());
            command
        };
        let mut serve = command(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
        let server = Process(serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let client = Client::new();
        let up = async || {
            client.get(format!("{issuer}/readyz")).send().await.is_ok_and(|answer| answer.status() == 200)
        };
        for tries in 0.. {
            if up().await {
                break;
            }
            assert!(tries < 1_500, "the server does not get ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let added = command(&["client", "add", "orders", "--scope", "revocations,check"]).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let mut orders = Process(
            Command::new(env!("CARGO_BIN_EXE_orders"))
                .args([&*issuer, "0"])
                .env("SYMBOLON_CLIENT_SECRET", String::from_utf8(added.stdout).unwrap().trim())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut line = String::new();
        BufReader::new(orders.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = line.trim().rsplit(' ').next().unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { issuer, orders: at, client, _processes: [server, orders], _data: data }
    }

    async fn posted(&self, path: &str, body: &Value) -> reqwest::Response {
        self.client.post(format!("{}{path}", self.issuer)).json(body).send().await.unwrap()
    }

    /// Registers somebody; a cookie and an access token of two logins.
    async fn person(&self, name: &str) -> [(&'static str, String); 2] {
        let account = json!({ "identifier": name, "password": "seven green kettles sing" });
        assert_eq!(self.posted("/v1/users", &account).await.status(), 201);
        let login = self.posted("/v1/sessions", &account).await;
        let mut cookies = login.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let cookie = cookies.find(|line| line.starts_with("symbolon=")).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let tokens: Value = self.posted("/v1/tokens", &account).await.json().await.unwrap();
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        [("cookie", cookie), ("authorization", bearer)]
    }

    fn list(&self, (name, value): &(&str, String)) -> RequestBuilder {
        self.client.get(format!("{}/orders", self.orders)).header(*name, value)
    }

    fn order(&self, (name, value): &(&str, String), what: &str) -> RequestBuilder {
        self.client
            .post(format!("{}/orders", self.orders))
            .header(*name, value)
            .json(&json!({ "what": what }))
    }

    fn pay(&self, (name, value): &(&str, String), number: usize) -> RequestBuilder {
        let url = format!("{}/orders/{number}/payment", self.orders);
        self.client.post(url).header(*name, value).header("sec-fetch-site", "same-origin")
    }

    async fn logout(&self, (name, value): &(&str, String)) {
        let asked = self.client.delete(format!("{}/v1/sessions/current", self.issuer)).header(*name, value);
        let answer = asked.header("sec-fetch-site", "same-origin").send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn invariant_1_a_revoked_login_is_refused_in_the_next_request_to_another_service() {
    let world = World::start().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    for (number, login) in (1..).zip(&ada) {
        assert_eq!(status(world.order(login, "tea")).await, 201);
        assert_eq!(status(world.pay(login, number)).await, 200);
    }
    let listed: Value = world.list(&ada[1]).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "both carriers are one user's");
    assert_eq!(listed[1], json!({ "number": 2, "what": "tea", "paid": true }));
    assert_eq!(status(world.pay(&bob[0], 1)).await, 404, "somebody else's");
    for login in &ada {
        world.logout(login).await;
        // The very next requests, by memory and by asking.
        assert_eq!(status(world.list(login)).await, 401);
        assert_eq!(status(world.pay(login, 1)).await, 401);
        assert_eq!(status(world.list(login)).await, 401);
    }
    assert_eq!(status(world.list(&bob[0])).await, 200, "nobody else is logged out");
    assert_eq!(status(world.list(&bob[1])).await, 200);
}

#[tokio::test]
async fn strangers_and_forged_writes_are_refused_at_another_service_too() {
    let world = World::start().await;
    let [cookie, bearer] = world.person("ada").await;
    assert_eq!(status(world.client.get(format!("{}/orders", world.orders))).await, 401);
    assert_eq!(status(world.list(&("authorization", "Bearer junk".into()))).await, 401);
    let forged = world.order(&cookie, "a piano").header("sec-fetch-site", "cross-site");
    assert_eq!(status(forged).await, 403);
    assert_eq!(status(world.order(&bearer, "tea").header("sec-fetch-site", "cross-site")).await, 201);
    let listed: Value = world.list(&cookie).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(status(world.client.get(format!("{}/readyz", world.orders))).await, 200);
}
