//! What an operator watches: metrics, each of which the documents name, and what `doctor` says of nodes and guards.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    doctor::{findings, finds},
    place::{PASSWORD, Place, Server},
};

const LONG: Duration = Duration::from_secs(30);

/// A place whose server tells metrics, and where.
fn watched(store: Option<&str>) -> (Place, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = Place::new();
    let url = store.map(|url| format!("[store]\nurl = {url:?}\n")).unwrap_or_default();
    place.settings(&format!("[telemetry]\nlisten = \"{free}\"\n{url}"));
    (place, format!("http://{free}/metrics"))
}

/// The value of a sample, by its name with labels.
#[track_caller]
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is not in\n{page}")).parse().unwrap()
}

/// The names of what is exported.
fn exported(page: &str) -> BTreeSet<String> {
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    families.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The names that the documents explain, and all that they speak of, in the sections about metrics.
fn documented() -> (BTreeSet<String>, BTreeSet<String>) {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md")).unwrap();
    let names = |line: &str| -> Vec<String> {
        let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let ours = words.filter(|word| word.starts_with("symbolon_") || word.starts_with("process_"));
        ours.map(str::to_owned).collect()
    };
    let (mut explained, mut spoken_of) = (BTreeSet::new(), BTreeSet::new());
    for section in text.split("\n## ") {
        let explains = section.starts_with("Health, metrics, logs");
        for line in section.lines().filter(|_| explains || section.starts_with("What to watch")) {
            spoken_of.extend(names(line));
            if explains && let Some(cell) = line.strip_prefix("| `").and_then(|row| row.split(" | ").next()) {
                explained.extend(names(cell));
            }
        }
    }
    (explained, spoken_of)
}

/// A guard without a store asks once.
fn follow(place: &Place, server: &Server) -> Value {
    let client = place.json(&["client", "add", "orders", "--scope", "revocations"]);
    let body = json!({ "guard": "00000000-0000-4000-8000-00000ca7a21e", "after": 0, "wait": 0 });
    let (status, answer) = server.send("POST", "/v1/revocations", client["secret"].as_str(), Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Ends an access token, which is an ending.
fn end(server: &Server) {
    let (_, token) = server.login("ada", PASSWORD);
    assert_eq!(server.send("DELETE", "/v1/sessions/current", Some(&token), None).0, 204);
}

#[test]
fn every_metric_is_explained_and_everything_explained_is_exported() {
    let (explained, spoken_of) = documented();
    let database = symbolon_cluster::database();
    let mut all = BTreeSet::new();
    for store in [None, database.as_ref().map(|database| &*database.url)] {
        let (place, metrics) = watched(store);
        place.user("ada");
        let server = place.serve();
        follow(&place, &server);
        end(&server);
        // A head that is none.
        let target = format!("{}/{}", server.base, "a".repeat(9_000));
        server.text(&target);
        let names = exported(&server.text(&metrics));
        let missing: Vec<_> = names.difference(&explained).collect();
        assert!(missing.is_empty(), "exported, and not explained: {missing:?}");
        all.extend(names);
    }
    if database.is_some() {
        let missing: Vec<_> = explained.difference(&all).collect();
        assert!(missing.is_empty(), "explained, and not exported: {missing:?}");
        assert!(all.len() > 20, "{all:?}");
    }
    let suffixes = ["", "_bucket", "_sum", "_count"];
    let known = |name: &&String| {
        suffixes.iter().any(|it| name.strip_suffix(it).is_some_and(|name| explained.contains(name)))
    };
    let unknown: Vec<_> = spoken_of.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "spoken of, and not explained: {unknown:?}");
}

#[test]
fn lg_06_metrics_tell_how_revocation_goes_and_name_no_guard() {
    let (place, metrics) = watched(None);
    place.user("ada");
    let server = place.serve();
    let page = server.text(&metrics);
    assert_eq!(value(&page, "symbolon_fresh"), 1.0);
    assert_eq!(value(&page, "symbolon_guards{kind=\"remote\",state=\"live\"}"), 0.0);
    assert!(!page.contains("symbolon_lease_"), "alone it has none: {page}");
    let next = follow(&place, &server);
    let before = value(&server.text(&metrics), "symbolon_revocation_wait_seconds_count");
    let (_, token) = server.login("ada", PASSWORD);
    assert!(server.accepts(&token) && server.accepts(&token));
    let page = server.text(&metrics);
    let cache = |what: &str| value(&page, &format!("symbolon_cache_{what}{{cache=\"tokens\"}}"));
    assert_eq!((cache("entries"), cache("misses_total")), (1.0, 1.0));
    assert!(cache("hits_total") >= 1.0, "{page}");
    finds(&place, "ok", "memory", &format!("tokens: 1, found {} times and 1 not", cache("hits_total")));
    // It does not acknowledge any more.
    end(&server);
    let page = server.text(&metrics);
    assert_eq!(value(&page, "symbolon_revocation_wait_seconds_count"), before + 1.0);
    assert_eq!(value(&page, "symbolon_revocation_wait_seconds_bucket{le=\"0.5\"}"), before);
    assert_eq!(value(&page, "symbolon_revocation_wait_seconds_bucket{le=\"+Inf\"}"), before + 1.0);
    assert_eq!(value(&page, "symbolon_revocation_timeouts_total"), 1.0);
    assert!(value(&page, "symbolon_revocation_wait_seconds_sum") > 1.0);
    assert_eq!(value(&page, "symbolon_log_applied"), next["next"].as_f64().unwrap() + 1.0);
    assert_eq!(value(&page, "symbolon_guards{kind=\"remote\",state=\"lapsed\"}"), 1.0);
    assert!(!page.contains("ca7a21e"), "{page}");
    finds(&place, "ok", "guards", "0 guards without a store, the last 0 entries behind; 1 lapsed");
    finds(&place, "ok", "endings", "until a lease was over");
}

#[test]
fn nodes_that_share_a_database_are_told_of_and_missed_when_they_go_without_a_word() {
    let Some(database) = symbolon_cluster::database() else { return };
    let (place, metrics) = watched(Some(&database.url));
    place.user("ada");
    let server = place.serve();
    let (other, _) = watched(Some(&database.url));
    std::fs::create_dir(other.path("symbolon-data")).unwrap();
    let key = std::fs::read(place.path("symbolon-data/master.key")).unwrap();
    other.write("symbolon-data/master.key", key, 0o600);
    let beside = other.serve();
    finds(&place, "ok", "lease", "renewed");
    finds(&place, "ok", "nodes", "2 nodes");
    let page = server.text(&metrics);
    let nodes =
        |page: &str, state: &str| value(page, &format!("symbolon_guards{{kind=\"node\",state=\"{state}\"}}"));
    assert_eq!((nodes(&page, "live"), nodes(&page, "lapsed")), (2.0, 0.0));
    let lease = value(&page, "symbolon_lease_seconds");
    for name in ["symbolon_lease_age_seconds", "symbolon_revocation_lag_seconds"] {
        assert!(value(&page, name) < lease, "{name}: {page}");
    }
    assert_eq!(value(&page, "symbolon_fresh"), 1.0);
    // By SIGKILL.
    beside.stop();
    let began = now();
    while nodes(&server.text(&metrics), "lapsed") < 1.0 {
        assert!(began.elapsed() < LONG, "it is not missed");
    }
    assert_eq!(nodes(&server.text(&metrics), "live"), 1.0);
    finds(&place, "warn", "nodes", "1 node; 1 went without a word within the day");
    // Whoever looks is none of them.
    server.stop();
    let began = now();
    loop {
        let (_, told) = findings(&place, &[]);
        if told.iter().any(|(_, check, text)| check == "nodes" && text.contains("0 nodes; 2 went")) {
            return;
        }
        assert!(began.elapsed() < LONG, "{told:#?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own patience")]
fn now() -> Instant {
    Instant::now()
}
