//! `symbolon config show`.

use serde_json::Value;

use crate::place::Place;

fn entry(shown: &Value, key: &str) -> (String, String) {
    let all = shown.as_array().unwrap();
    let entry = all.iter().find(|entry| entry["key"] == key).unwrap_or_else(|| panic!("{key}: {shown}"));
    (entry["value"].as_str().unwrap().to_owned(), entry["source"].as_str().unwrap().to_owned())
}

#[test]
fn every_value_says_where_it_came_from() {
    let place = Place::new().with("SYMBOLON_TOKEN_ACCESS_LIFE", "2m");
    place.settings("[token]\naccess_life = \"3m\"\nrefresh_grace = \"20s\"");
    let shown = place.json(&["config", "show", "--data", "elsewhere"]);
    let told = |key| entry(&shown, key);
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(told("token.access_life"), pair("\"2m\"", "environment variable SYMBOLON_TOKEN_ACCESS_LIFE"));
    assert_eq!(told("token.refresh_grace"), pair("\"20s\"", "symbolon.toml line 8"));
    assert_eq!(told("server.data"), pair("\"elsewhere\"", "flag --data"));
    assert_eq!(told("session.fresh"), pair("\"5m\"", "default"));
    let text = place.run(&["config", "show"]);
    assert!(
        text.out
            .lines()
            .any(|line| line.starts_with("session.fresh = \"5m\" ") && line.ends_with("# default")),
        "{text}"
    );
    assert!(text.err.contains("unsafe_argon2_m = 8 lifts a bound"), "{text}");
    let dev = place.json(&["config", "show", "--dev"]);
    assert_eq!(entry(&dev, "server.data").1, "default of --dev");
}

#[test]
fn lg_10_secrets_are_masked() {
    let canary = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let place = Place::new()
        .with("SYMBOLON_MASTER_KEY", canary)
        .with("SYMBOLON_STORE_URL", "postgres://app:canary@db.example/symbolon");
    for arguments in
        [&["config", "show"][..], &["config", "show", "--json"], &["doctor"], &["user", "list"], &["serve"]]
    {
        let ran = place.run(arguments);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(!all.contains(canary) && !all.contains("canary"), "{arguments:?}: {all}");
    }
    assert_eq!(entry(&place.json(&["config", "show"]), "master_key").0, "***");
}

#[test]
fn every_problem_is_told_at_once() {
    let place = Place::new();
    place.settings("[token]\naccess_lief = \"3m\"\nrefresh_grace = 20");
    let said = place.fails(1, &["config", "show"]);
    assert!(
        said.contains("did you mean token.access_life?") && said.contains("token.refresh_grace wants"),
        "{said}"
    );
    assert!(said.lines().all(|line| line.starts_with("symbolon: ")), "{said}");
    assert!(
        place.fails(1, &["user", "list", "--config", "missing.toml"]).contains("missing.toml does not exist")
    );
}
