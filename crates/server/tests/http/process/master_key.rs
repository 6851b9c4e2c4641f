//! Replacing the master key while the process is killed at any moment of it: what is left starts, and nobody is logged out by a rotation.

use std::time::Duration;

use crate::{
    chance::Chance,
    people::{Key, Tokens},
    server::TestServer,
};

/// Begins the verb, and kills the server somewhere in it. The verb may have come to its end.
fn kill_during(server: &mut TestServer, chance: &mut Chance, arguments: &[&str]) -> bool {
    let mut verb = server.begin_cli(arguments);
    std::thread::sleep(Duration::from_micros(chance.below(60_000)));
    server.kill();
    let done = verb.wait().unwrap().success();
    server.up();
    done
}

#[test]
fn st_01_a_kill_during_a_rotation_leaves_what_starts_and_logs_nobody_out() {
    let mut server = TestServer::start();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let mut tokens = server.tokens(&alice);
    for round in 0..12 {
        kill_during(&mut server, &mut chance, &["key", "rotate-master"]);
        assert!(server.opens(&Key::Cookie(cookie.clone())), "{round}");
        assert!(server.opens(&Key::Bearer(tokens.access.clone())), "{round}");
        tokens = Tokens { access: server.refreshed(&tokens.refresh).access, ..tokens };
        assert!(server.opens(&Key::Cookie(server.cookie(&alice))), "{round}");
    }
}

#[test]
fn st_01_a_kill_while_a_leaked_key_is_dropped_leaves_what_starts() {
    let mut server = TestServer::start();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let alice = server.person("alice");
    for round in 0..12 {
        let cookie = server.cookie(&alice);
        let tokens = server.tokens(&alice);
        let keys = [Key::Cookie(cookie), Key::Bearer(tokens.access), Key::Refresh(tokens.refresh)];
        let done = kill_during(&mut server, &mut chance, &["key", "rotate-master", "--leaked"]);
        let good: Vec<bool> = keys.iter().map(|key| server.opens(key)).collect();
        assert!(good.iter().all(|one| *one == good[0]), "{round}: all or nothing: {good:?}");
        assert!(!done || !good[0], "{round}: what was said to be done is done");
        server.cli(&["key", "rotate-master", "--leaked"]);
        assert!(keys.iter().all(|key| !server.opens(key)), "{round}: repeated, it is done");
    }
}
