//! A server over PostgreSQL, and how an installation comes there.

use crate::{
    people::Key,
    server::{TestServer, refused},
};

/// The database, and a server of the embedded store beside it; nothing where PostgreSQL is not installed, which was said.
fn beside() -> Option<(String, TestServer)> {
    Some((symbolon_cluster::database()?.url, TestServer::start()))
}

fn move_to(server: &TestServer, url: &str) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command.args(["migrate", "--to", url, "--from"]).arg(format!("sqlite:{}", server.data().display()));
    command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).current_dir("/");
    command
}

#[test]
fn an_installation_moves_to_postgresql_and_nobody_is_logged_out() {
    let Some((url, mut server)) = beside() else { return };
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let ended = Key::Cookie(server.cookie(&alice));
    let Key::Cookie(cookie) = &ended else { return };
    assert_eq!(server.delete("/v1/sessions/current").cookie(cookie).same_origin().send().status, 204);
    let stateless = Key::Bearer(server.stateless(&alice));
    let killed = Key::Bearer(server.stateless(&alice));
    let Key::Bearer(token) = &killed else { return };
    assert_eq!(server.delete("/v1/sessions/current").bearer(token).send().status, 204);
    let live = [
        Key::Cookie(server.cookie(&alice)),
        Key::Bearer(tokens.access),
        Key::Refresh(tokens.refresh),
        stateless,
    ];

    let told = refused(&mut move_to(&server, &url));
    assert!(told.contains("is in use by another Symbolon"), "{told}");
    server.stop();
    assert!(move_to(&server, &url).status().unwrap().success());
    let told = refused(&mut move_to(&server, &url));
    assert!(told.contains("holds an installation already") && told.contains("Nothing was changed"), "{told}");

    server.reconfigure_stopped(|settings| settings.set("store.url", format!("{url:?}")));
    assert!(live.iter().all(|key| server.opens(key)));
    assert!(!server.opens(&ended) && !server.opens(&killed), "what was ended stays so");
    assert!(server.cli(&["user", "list"]).contains("alice"));

    // What ends there is over, after a crash too.
    let Key::Cookie(cookie) = &live[0] else { return };
    assert_eq!(server.delete("/v1/sessions").cookie(cookie).same_origin().send().status, 204);
    assert!(live.iter().all(|key| !server.opens(key)));
    server.crash();
    assert!(live.iter().all(|key| !server.opens(key)));
    assert!(server.opens(&Key::Cookie(server.cookie(&alice))));
}

#[test]
fn km_05_another_master_key_over_the_same_database_is_refused() {
    let Some((url, mut server)) = beside() else { return };
    server.reconfigure(|settings| settings.set("store.url", format!("{url:?}")));
    let mut other = TestServer::start();
    other.stop();
    let told = refused(other.command().env("SYMBOLON_STORE_URL", &url));
    assert!(told.contains("not the one this store was made with"), "{told}");
    std::fs::copy(server.data().join("master.key"), other.data().join("master.key")).unwrap();
    other.reconfigure_stopped(|settings| settings.set("store.url", format!("{url:?}")));
    server.stop();
    other.stop();
}

/// The command line opens the database itself where no server runs.
#[test]
fn the_command_line_works_over_postgresql_with_and_without_a_server() {
    let Some((url, mut server)) = beside() else { return };
    server.reconfigure(|settings| settings.set("store.url", format!("{url:?}")));
    server.person("alice");
    server.cli(&["user", "disable", "alice"]);
    server.stop();
    server.cli(&["user", "enable", "alice"]);
    assert!(server.cli(&["migrate"]).contains("the database is at version 1, up to date"));
    server.up();
    assert!(server.cli(&["user", "list"]).contains("alice"));
}
