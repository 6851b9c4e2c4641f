//! A guard in a process of its own: this test binary once more, serving a small application whose one door takes the logins of the nodes.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use rustix::process::{Pid, Signal, kill_process};
use symbolon_guard::{Guard, Identity};

use crate::{
    node::{ISSUER, Node},
    proxy::Proxy,
    time::{self, LONG},
    wall::Wall,
};

/// How the other process is told what to do: secret, nodes and address, separated by commas.
const TOLD: &str = "SYMBOLON_TEST_GUARD";

/// The process, and its wires to the nodes.
pub(crate) struct GuardProcess {
    pub(crate) address: SocketAddr,
    pub(crate) wires: Vec<Proxy>,
    /// Its wall clock.
    pub(crate) clock: Wall,
    folder: tempfile::TempDir,
    child: Child,
}

impl GuardProcess {
    /// Starts it; it answers when this returns.
    pub(crate) async fn start(nodes: &[Node]) -> Self {
        let secret = nodes[0].client_secret("orders", "revocations,check");
        let address = crate::node::free_port();
        let mut wires = Vec::new();
        for node in nodes {
            wires.push(Proxy::to(node.address).await);
        }
        let urls = wires.iter().map(|wire| format!("http://{}", wire.address()));
        let told: Vec<String> = [secret, address.to_string()].into_iter().chain(urls).collect();
        let folder = tempfile::tempdir().unwrap();
        let clock = Wall::of(folder.path());
        let mut command = Command::new(std::env::current_exe().unwrap());
        clock.shown_to(&mut command);
        let child = command
            .args(["--exact", "guard::the_other_process", "--ignored", "--nocapture"])
            .env(TOLD, told.join(","))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let guard = Self { address, wires, clock, folder, child };
        guard.ready(LONG).await;
        guard
    }

    /// Waits until it may decide from memory, at most so long.
    pub(crate) async fn ready(&self, most: Duration) {
        let began = time::now();
        loop {
            let answer = reqwest::get(format!("http://{}/readyz", self.address)).await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            if began.elapsed() > most {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
                let lines: Vec<&str> = log.lines().collect();
                panic!("the guard is not fresh:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops it in its tracks.
    pub(crate) fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }
}

impl Drop for GuardProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other process of the storm"]
async fn the_other_process() {
    let Ok(told) = std::env::var(TOLD) else { return };
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let mut told = told.split(',');
    let (secret, address) = (told.next().unwrap(), told.next().unwrap());
    let builder = told.fold(Guard::builder(ISSUER, secret), symbolon_guard::Builder::node);
    let guard = builder.open().await.unwrap();
    let door = async |_: Identity| StatusCode::OK;
    let standing = guard.clone();
    let ready = async move || match standing.standing().fresh {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let app = Router::new().route("/door", get(door)).layer(guard.layer()).route("/readyz", get(ready));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
