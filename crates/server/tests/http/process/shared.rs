//! Several servers over one PostgreSQL, and the verbs that touch all of them; what readiness says while the database is away.

use symbolon_cluster::Cluster;

use crate::{
    people::Key,
    server::{TestServer, refused},
    time::wait_for,
};

/// A server over a database; another over the same is a node beside it.
fn over(url: &str, key: Option<&TestServer>) -> TestServer {
    let mut server = TestServer::start();
    server.stop();
    if let Some(other) = key {
        copy_key(other, &server);
    }
    server.reconfigure_stopped(|settings| settings.set("store.url", format!("{url:?}")));
    server
}

fn copy_key(from: &TestServer, to: &TestServer) {
    std::fs::copy(from.data().join("master.key"), to.data().join("master.key")).unwrap();
}

/// A verb of a server's installation that must fail; what it says.
fn fails(server: &TestServer, arguments: &[&str]) -> String {
    refused(server.verb(arguments).stderr(std::process::Stdio::piped()))
}

#[test]
fn km_02_a_master_key_is_replaced_by_one_node_and_the_others_come_back_with_it() {
    let Some(database) = symbolon_cluster::database() else { return };
    let one = over(&database.url, None);
    let mut other = over(&database.url, Some(&one));
    let alice = one.person("alice");
    let before = [Key::Cookie(other.cookie(&alice)), Key::Refresh(other.tokens(&alice).refresh)];
    for verb in [&["key", "rotate-master"][..], &["key", "rotate-master", "--leaked", "--yes"]] {
        let told = fails(&one, verb);
        assert!(told.contains("Stop all nodes but one") && told.contains("Nothing was changed"), "{told}");
    }
    assert!(before.iter().all(|key| one.opens(key) && other.opens(key)));

    other.stop();
    one.cli(&["key", "rotate-master"]);
    let after = Key::Cookie(one.cookie(&alice));
    let told = refused(&mut other.command());
    assert!(told.contains("does not hold the one that counts now"), "{told}");
    copy_key(&one, &other);
    other.up();
    let theirs = Key::Cookie(other.cookie(&alice));
    for key in before.iter().chain([&after, &theirs]) {
        assert!(one.opens(key) && other.opens(key));
    }
}

#[test]
fn st_19_a_database_that_was_put_back_counts_for_nothing_that_was_issued_before() {
    let Some(database) = symbolon_cluster::database() else { return };
    let cluster = symbolon_cluster::cluster().unwrap();
    let name = &database.name;
    let mut server = over(&database.url, None);
    let mut other = over(&database.url, Some(&server));
    other.stop();
    let alice = server.person("alice");
    let ended = Key::Cookie(server.cookie(&alice));
    server.stop();
    cluster.sql("postgres", &format!("CREATE DATABASE kept_{name} TEMPLATE {name} OWNER symbolon"));
    server.up();
    let Key::Cookie(cookie) = &ended else { return };
    server.delete("/v1/sessions/current").cookie(cookie).same_origin().send().is(204);
    let tokens = server.tokens(&alice);
    let issued =
        [ended, Key::Cookie(server.cookie(&alice)), Key::Bearer(tokens.access), Key::Refresh(tokens.refresh)];

    let told = fails(&server, &["restore", "--in-place", "--yes"]);
    assert!(told.contains("in use by"), "{told}");
    let told = fails(&other, &["restore", "--in-place", "--yes"]);
    assert!(told.contains("Other nodes run on this database"), "{told}");
    assert!(issued[1..].iter().all(|key| server.opens(key)), "a refusal changes nothing");
    let told = fails(&server, &["restore", "a.db", "--yes"]);
    assert!(told.contains("pg_restore") && told.contains("--in-place"), "{told}");

    server.stop();
    cluster.sql("postgres", &format!("DROP DATABASE {name}"));
    cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE kept_{name} OWNER symbolon"));
    assert!(server.cli(&["restore", "--in-place", "--yes"]).contains("everybody logs in again"));
    server.up();
    other.up();
    for key in &issued {
        assert!(!server.opens(key) && !other.opens(key));
    }
    let again = Key::Cookie(server.cookie(&alice));
    assert!(server.opens(&again) && other.opens(&again));
}

#[test]
fn st_15_readiness_falls_with_the_database_or_the_lease_and_comes_back_by_itself() {
    let Some(mut cluster) = Cluster::start() else { return };
    let database = cluster.database();
    let mut server = over(&database.url, None);
    // It says in its log that the store is not there.
    server.may_fail = true;
    let ready = |wanted: u16| {
        wait_for("/readyz", || {
            server.get("/healthz").send().is(200);
            (server.get("/readyz").send().status == wanted).then_some(())
        });
    };
    ready(200);
    cluster.restart("immediate");
    ready(200);
    // The database answers all but leases.
    let taken = "BEGIN; LOCK TABLE guards IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT";
    std::thread::scope(|scope| {
        let holding = scope.spawn(|| cluster.sql(&database.name, taken));
        ready(503);
        assert!(!holding.is_finished(), "it was the lease");
    });
    ready(200);
    // It is away.
    cluster.rest("fast");
    ready(503);
    cluster.serve();
    ready(200);
}
