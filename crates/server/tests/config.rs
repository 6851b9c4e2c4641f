//! The configuration: defaults, precedence, provenance, bounds each way, and what each refusal says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use symbolon_server::config::{
    Config, Flags, Loaded, LogFormat, LogLevel, MasterKey, Registration, Source, StoreUrl, load_from,
};

const DAY: Duration = Duration::from_secs(86_400);

/// A folder with a `symbolon.toml`, an environment, and flags.
#[derive(Default)]
struct Given {
    file: Option<String>,
    environment: Vec<(String, String)>,
    flags: Flags,
}

impl Given {
    fn file(text: &str) -> Self {
        Self { file: Some(text.to_owned()), ..Self::default() }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn dev(mut self) -> Self {
        self.flags.dev = true;
        self
    }

    fn load(&self) -> Result<Loaded, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("symbolon.toml");
        if let Some(text) = &self.file {
            std::fs::write(&path, text).unwrap();
        }
        let environment = self.environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        load_from(&self.flags, environment, &path).map_err(|error| error.problems().to_vec())
    }

    #[track_caller]
    fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// One problem, which holds all these words.
    #[track_caller]
    fn bad(&self, words: &[&str]) {
        let Err(problems) = self.load() else { panic!("accepted: {:?}", self.file) };
        assert_eq!(problems.len(), 1, "{problems:?}");
        for word in words {
            assert!(problems[0].contains(word), "{word:?} is not in: {}", problems[0]);
        }
    }
}

fn defaults() -> Config {
    Given::default().good().config
}

/// NIST SP 800-63B-4 sections 2.1.3, 2.2.3 and 2.3.3.
#[test]
fn a_preset_bounds_every_login_and_lets_shorter_ones_be() {
    let minute = Duration::from_secs(60);
    for (preset, idle, absolute) in [
        ("off", (7 * DAY, 14 * DAY), 30 * DAY),
        ("aal1", (7 * DAY, 14 * DAY), 30 * DAY),
        ("aal2", (60 * minute, 60 * minute), DAY),
        ("aal3", (15 * minute, 15 * minute), DAY / 2),
    ] {
        let Config { session, token, .. } =
            Given::file(&format!("[session]\npreset = \"{preset}\"")).good().config;
        assert_eq!((session.idle, token.refresh_idle), idle, "{preset}");
        assert_eq!((session.absolute, token.refresh_absolute), (absolute, absolute), "{preset}");
        assert_eq!(token.access_life, 5 * minute, "{preset}");
    }
    let shorter = "[session]\npreset = \"aal2\"\nidle = \"5m\"\nabsolute = \"1h\"";
    let session = Given::file(shorter).good().config.session;
    assert_eq!((session.idle, session.absolute), (5 * minute, 60 * minute));
    let given = Given::default().env("SYMBOLON_SESSION_PRESET", "aal3");
    let shown = given.good().provenance.entry("session.idle").unwrap().value.clone();
    assert_eq!(shown, "\"15m\"", "config show says what holds");
}

#[test]
fn defaults_are_those_of_the_design() {
    let c = defaults();
    let s = Duration::from_secs;
    assert_eq!(c.server.listen.to_string(), "127.0.0.1:7117");
    assert_eq!(c.issuer(c.server.listen).as_str(), "http://127.0.0.1:7117");
    assert_eq!(c.server.data, Path::new("./symbolon-data"));
    assert!(c.server.trusted_proxies.is_empty() && !c.dev && !c.explore && c.tls.is_none());
    let l = &c.server.limits;
    assert_eq!((l.header_bytes, l.header_fields, l.uri_bytes, l.body_bytes), (16_384, 64, 8_192, 65_536));
    assert_eq!((l.header_timeout, l.body_timeout, l.handler_timeout), (s(10), s(15), s(30)));
    assert_eq!((l.idle_timeout, l.drain_timeout, l.handshake_timeout), (s(60), s(30), s(10)));
    assert_eq!((l.connections, l.connections_per_address), (10_000, 1_000));
    assert_eq!(c.store.url, StoreUrl::Sqlite(None));
    let t = &c.token;
    assert_eq!((t.algorithm.name(), t.client_id.as_str()), ("ES256", "symbolon"));
    assert!(t.audiences.is_empty() && t.scopes.is_empty() && t.claims.0.is_empty());
    assert_eq!((t.access_life, t.leeway, t.refresh_grace), (s(300), s(30), s(30)));
    assert_eq!((t.refresh_idle, t.refresh_absolute), (14 * DAY, 30 * DAY));
    assert_eq!((t.rotate_every, t.publish_before), (90 * DAY, DAY));
    assert_eq!((c.session.idle, c.session.absolute, c.session.fresh), (7 * DAY, 30 * DAY, s(300)));
    assert_eq!((c.session.limit, c.session.cache), (None, 1_000_000));
    assert_eq!(c.cookie.name, "symbolon");
    assert!(c.csrf.trusted_origins.is_empty() && c.cors.origins.is_empty());
    assert!(c.bearer.body && !c.bearer.query && !c.logout.clear_site_data);
    let p = &c.password;
    assert_eq!((p.min_length, p.argon2_m, p.argon2_t, p.argon2_p), (15, 19_456, 2, 1));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!((p.hashing_threads, p.hashing_queue), (cores, 32 * cores));
    let t = &c.throttle;
    assert_eq!((t.account_tries, t.account_block, t.account_block_max), (5, s(30), s(3600)));
    assert_eq!((t.account_memory, t.accounts), (DAY, 100_000));
    assert_eq!((t.address_tries, t.address_block, t.address_memory), (10, s(600), s(600)));
    assert_eq!((t.private_factor, t.registrations, t.lookups), (100, 10, 100));
    assert_eq!(c.users.registration, Registration::Open);
    assert_eq!(c.lease.duration, s(3));
    assert_eq!(c.telemetry.listen, None);
    assert_eq!((c.telemetry.log_format, c.telemetry.log_level), (LogFormat::Json, LogLevel::Info));
    assert_eq!(c.master_key, MasterKey::InData);
}

#[test]
fn dev_has_defaults_of_its_own_and_gives_way_to_what_is_set() {
    let loaded = Given::default().dev().good();
    let c = &loaded.config;
    assert_eq!(c.server.data, Path::new("./symbolon-dev"));
    assert!(c.dev && c.explore && c.bearer.query && c.telemetry.log_format == LogFormat::Readable);
    assert_eq!(loaded.provenance.entry("bearer.query").unwrap().source, Source::Dev);
    let c = Given::file("[bearer]\nquery = false").dev().good().config;
    assert!(!c.bearer.query);
}

#[test]
fn the_stronger_layer_wins_and_each_value_knows_its_source() {
    let file =
        "[token]\nrefresh_grace = \"10s\"\naccess_life = \"1m\"\n\n[server]\nlisten = \"127.0.0.1:1\"\n";
    let mut given = Given::file(file)
        .env("SYMBOLON_TOKEN_REFRESH_GRACE", "20s")
        .env("SYMBOLON_SERVER_LISTEN", "127.0.0.1:2")
        .env("SYMBOLON_TOKEN_SCOPES", "read, write")
        .env("SYMBOLON_TOKEN_LEEWAY", "");
    given.flags.listen = Some("127.0.0.1:3".to_owned());
    let loaded = given.good();
    let c = &loaded.config;
    assert_eq!((c.token.access_life.as_secs(), c.token.refresh_grace.as_secs()), (60, 20));
    assert_eq!(c.server.listen.port(), 3);
    assert_eq!(c.token.scopes, ["read", "write"]);
    let source = |key: &str| loaded.provenance.entry(key).unwrap().source.to_string();
    assert!(source("token.access_life").ends_with("symbolon.toml line 3"), "{}", source("token.access_life"));
    assert_eq!(source("token.refresh_grace"), "environment variable SYMBOLON_TOKEN_REFRESH_GRACE");
    assert_eq!(source("server.listen"), "flag --listen");
    assert_eq!(
        (source("token.leeway"), source("token.rotate_every")),
        ("default".to_owned(), "default".to_owned())
    );
    assert_eq!(loaded.provenance.entry("server.issuer").unwrap().value, "\"http://127.0.0.1:3\"");
    let shown = loaded.provenance.to_string();
    assert!(
        shown.contains("token.scopes = [\"read\", \"write\"]") && shown.contains("# flag --listen"),
        "{shown}"
    );
    let json = serde_json::to_value(&loaded.provenance).unwrap();
    assert!(json.as_array().unwrap().len() > 60 && json[0]["source"].is_string());
}

#[test]
fn a_list_may_be_emptied_from_the_environment() {
    let given = Given::file("[cors]\norigins = [\"https://a.example\"]");
    assert_eq!(given.good().config.cors.origins[0].as_str(), "https://a.example");
    assert!(given.env("SYMBOLON_CORS_ORIGINS", "").good().config.cors.origins.is_empty());
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    let mut given = Given::default();
    given.good();
    given.flags.config = Some(PathBuf::from("/nowhere/symbolon.toml"));
    given.bad(&["/nowhere/symbolon.toml", "does not exist", "--config"]);
    Given::default().env("SYMBOLON_CONFIG", "/nowhere/x.toml").bad(&["/nowhere/x.toml", "SYMBOLON_CONFIG"]);
    let folder = tempfile::tempdir().unwrap();
    given.flags.config = Some(folder.path().to_owned());
    given.bad(&["is a folder"]);
}

#[test]
fn unknown_keys_are_refused_and_the_nearest_suggested() {
    Given::file("[token]\nacess_life = \"5m\"").bad(&["token.acess_life", "line 2", "token.access_life?"]);
    Given::file("[tokens]\naccess_life = \"5m\"").bad(&["no section", "\"tokens\"", "token?"]);
    Given::file("listen = \"127.0.0.1:1\"").bad(&["no setting", "\"listen\""]);
    Given::file("token = 3").bad(&["[token] is a section"]);
    Given::default()
        .env("SYMBOLON_TOKEN_REFRESH_GRASE", "1s")
        .bad(&["SYMBOLON_TOKEN_REFRESH_GRASE", "SYMBOLON_TOKEN_REFRESH_GRACE?"]);
    Given::default().env("SYMBOLON_SERVER_FOO", "1").bad(&["server.foo", "SYMBOLON_SERVER_FOO"]);
    // Sections that are none of ours belong to others; one that is nearly ours is worth a warning.
    let loaded = Given::default()
        .env("SYMBOLON_VECTORS", "/x")
        .env("SYMBOLON_PORT", "tcp://10.0.0.1:80")
        .env("SYMBOLON_SERVER_SERVICE_HOST", "10.0.0.1")
        .env("SYMBOLON_SERVER_PORT_7117_TCP_ADDR", "10.0.0.1")
        .env("SYMBOLON_TOKNE_ACCESS_LIFE", "5m")
        .good();
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("SYMBOLON_TOKEN_ACCESS_LIFE?"), "{:?}", loaded.warnings);
}

#[test]
fn all_problems_are_told_at_once() {
    let given = Given::file(
        "[token]\naccess_life = 300\nleeway = \"5 minutes\"\n[bearer]\nquery = \"yes\"\n[x]\ny = 1",
    );
    let problems = given.load().unwrap_err();
    assert_eq!(problems.len(), 4, "{problems:?}");
    let told =
        |words: &[&str]| problems.iter().any(|problem| words.iter().all(|word| problem.contains(word)));
    assert!(told(&["token.access_life", "no unit", "\"30s\"", "line 2"]), "{problems:?}");
    assert!(told(&["token.leeway", "a duration such as", "line 3"]), "{problems:?}");
    assert!(told(&["bearer.query", "true or false", "quotation marks", "line 5"]), "{problems:?}");
}

#[test]
fn lg_10_broken_toml_is_placed_and_never_quoted() {
    let given = Given::file("[store]\nurl = \"postgres://a:canary@b/c\n");
    given.bad(&["is not valid TOML", "line 2"]);
    assert!(!given.load().unwrap_err()[0].contains("canary"));
    let given = Given::file("[store]\nurl = \"canary://canary\"");
    given.bad(&["store.url", "scheme is unknown"]);
    assert!(!given.load().unwrap_err()[0].contains("canary"));
}

/// Each bound, from both sides: the last good value, the first bad one, and the bad one spelled `unsafe_…`.
#[test]
fn bounds_hold_each_way_and_unsafe_lifts_them() {
    for (section, key, good, bad, bound) in [
        ("token", "access_life", "24h", "86400001ms", "ceiling of 24h"),
        ("token", "leeway", "60s", "61s", "ceiling of 1m"),
        ("token", "refresh_grace", "1s", "999ms", "floor of 1s"),
        ("token", "refresh_absolute", "400d", "401d", "ceiling of 400d"),
        ("token", "publish_before", "15m", "14m", "floor of 15m"),
        ("session", "absolute", "400d", "401d", "ceiling of 400d"),
        ("session", "fresh", "1h", "61m", "ceiling of 1h"),
        ("lease", "duration", "1s", "999ms", "floor of 1s"),
        ("lease", "duration", "1m", "61s", "ceiling of 1m"),
        ("password", "min_length", "8", "7", "floor of 8"),
        ("throttle", "account_tries", "100", "101", "ceiling of 100"),
    ] {
        let variable = |key: &str| format!("SYMBOLON_{section}_{key}").to_uppercase();
        Given::default().env(&variable(key), good).good();
        Given::default().env(&variable(key), bad).bad(&[
            &format!("{section}.{key}"),
            bound,
            &variable(key),
            &variable(&format!("unsafe_{key}")),
        ]);
        let loaded = Given::default().env(&variable(&format!("unsafe_{key}")), bad).good();
        assert!(
            loaded.warnings.iter().any(|warning| warning.contains(&format!("unsafe_{key}"))),
            "{:?}",
            loaded.warnings
        );
        assert!(loaded.provenance.entry(&format!("{section}.unsafe_{key}")).is_some());
        let quoted =
            if key == "min_length" || key == "account_tries" { bad.to_owned() } else { format!("\"{bad}\"") };
        Given::file(&format!("[{section}]\n{key} = {quoted}")).bad(&[
            bound,
            "line 2",
            &format!("{section}.unsafe_{key}"),
        ]);
    }
    assert_eq!(Given::file("[token]\nunsafe_access_life = \"48h\"").good().config.token.access_life, 2 * DAY);
    // Two spellings in one layer contradict each other; a stronger layer overlays.
    let both = Given::file("[token]\nunsafe_access_life = \"48h\"\naccess_life = \"1m\"");
    both.bad(&["token.access_life", "token.unsafe_access_life", "keep one"]);
    let over = Given::file("[token]\nunsafe_access_life = \"48h\"").env("SYMBOLON_TOKEN_ACCESS_LIFE", "1m");
    assert_eq!(over.good().config.token.access_life.as_secs(), 60);
}

#[test]
fn argon2_keeps_to_the_floor_or_one_of_its_equals() {
    let given = |m: u32, t: u32| Given::file(&format!("[password]\nargon2_m = {m}\nargon2_t = {t}"));
    for (m, t) in [(19_456, 2), (47_104, 1), (12_288, 3), (9_216, 4), (7_168, 5), (65_536, 3)] {
        given(m, t).good();
    }
    for (m, t) in [(19_455, 2), (19_456, 1), (47_103, 1), (7_167, 10)] {
        given(m, t).bad(&[
            "password.argon2_m",
            "password.argon2_t",
            "floor",
            "m=19456 t=2",
            "unsafe_argon2_m",
            "line 2",
        ]);
    }
    let weak = Given::file("[password]\nunsafe_argon2_m = 64\nunsafe_argon2_t = 1").good();
    assert_eq!((weak.config.password.argon2_m, weak.config.password.argon2_t), (64, 1));
    Given::file("[password]\nunsafe_argon2_m = 8\nargon2_p = 4").bad(&["8 times"]);
}

#[test]
fn some_values_make_no_sense_however_they_are_spelled() {
    for (text, words) in [
        ("[token]\naccess_life = \"0s\"", ["token.access_life", "between"]),
        ("[token]\nunsafe_access_life = \"0s\"", ["token.unsafe_access_life", "between"]),
        ("[password]\nmin_length = 65", ["password.min_length", "between 1 and 64"]),
        ("[server]\nbody_bytes = 0", ["server.body_bytes", "between"]),
        ("[server]\nheader_bytes = \"1MiB\"", ["server.header_bytes", "256KiB"]),
        ("[server]\nuri_bytes = \"32KiB\"", ["server.uri_bytes", "server.header_bytes"]),
        ("[server]\nconnections = -1", ["server.connections", "found the number -1"]),
        ("[token]\nscopes = [\"a b\"]", ["token.scopes", "spaces"]),
        ("[token]\nscopes = \"a\"", ["token.scopes", "square brackets"]),
        ("[token]\naudiences = [1]", ["token.audiences", "square brackets"]),
        ("[token]\nalgorithm = \"none\"", ["token.algorithm", "does not exist"]),
        ("[token]\nalgorithm = \"es256\"", ["token.algorithm", "ES256"]),
        ("[token]\nrotate_every = \"12h\"", ["token.publish_before", "token.rotate_every"]),
        ("[session]\nidle = \"31d\"", ["session.idle", "session.absolute"]),
        ("[session]\npreset = \"aal4\"", ["session.preset", "\"aal3\""]),
        ("[session]\npreset = \"aal2\"\nabsolute = \"25h\"", ["session.absolute", "session.preset"]),
        ("[session]\npreset = \"aal2\"\nidle = \"61m\"", ["session.idle", "session.preset"]),
        (
            "[session]\npreset = \"aal3\"\n[token]\nrefresh_idle = \"16m\"",
            ["token.refresh_idle", "session.preset"],
        ),
        (
            "[session]\npreset = \"aal3\"\n[token]\nrefresh_absolute = \"13h\"",
            ["token.refresh_absolute", "12h"],
        ),
        ("[session]\npreset = \"aal3\"\n[token]\naccess_life = \"16m\"", ["token.access_life", "15m"]),
        ("[cookie]\nname = \"__Host-x\"", ["cookie.name", "prefix"]),
        ("[cookie]\nname = \"a b\"", ["cookie.name", "letters"]),
        ("[csrf]\ntrusted_origins = [\"https://a.example/\"]", ["csrf.trusted_origins", "slash"]),
        ("[cors]\norigins = [\"*\"]", ["cors.origins", "https://"]),
        ("[server]\ntrusted_proxies = [\"10.0.0.1/8\"]", ["server.trusted_proxies", "10.0.0.0/8"]),
        ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]", ["server.trusted_proxies", "internet"]),
        ("[users]\nregistration = \"maybe\"", ["users.registration", "\"closed\""]),
        ("[tls]\ncertificate = \"a.pem\"", ["tls.certificate", "tls.key"]),
        ("[telemetry]\nlog_level = \"loud\"", ["telemetry.log_level", "\"trace\""]),
        ("[server]\nlisten = \"localhost\"", ["server.listen", "127.0.0.1:7117"]),
    ] {
        Given::file(text).bad(&words);
    }
    // A default that another setting outgrows gives way.
    let loaded = Given::file("[session]\nabsolute = \"1d\"\n[token]\nrefresh_absolute = \"1d\"").good();
    assert_eq!((loaded.config.session.idle, loaded.config.token.refresh_idle), (DAY, DAY));
    assert_eq!(loaded.provenance.entry("session.idle").unwrap().value, "\"24h\"");
}

#[test]
fn jc_26_a_profile_cannot_speak_in_reserved_claims() {
    for claim in ["sub", "iss", "aud", "exp", "roles", "cnf", "id", "sid", "gen", "scope", "amr"] {
        Given::file(&format!("[token.claims]\n{claim} = \"x\"")).bad(&[
            "token.claims",
            claim,
            "meaning of its own",
        ]);
        Given::default().env("SYMBOLON_TOKEN_CLAIMS", &format!("{claim}=x")).bad(&["token.claims", claim]);
    }
    let claims =
        Given::file("[token.claims]\nemail = \"email\"\n\"https://a.example/team\" = \"team.name\"").good();
    assert_eq!(claims.config.token.claims.0.len(), 2);
    let claims = Given::default().env("SYMBOLON_TOKEN_CLAIMS", "email=email, name=display_name").good();
    assert_eq!(claims.config.token.claims.0[1], ("name".to_owned(), "display_name".to_owned()));
    Given::default().env("SYMBOLON_TOKEN_CLAIMS", "email").bad(&["claim=field"]);
}

#[test]
fn an_address_others_can_reach_wants_an_https_issuer() {
    let listen = |address: &str| Given::file(&format!("[server]\nlisten = \"{address}\""));
    for address in ["0.0.0.0:7117", "[::]:7117", "192.0.2.1:443", "[::ffff:192.0.2.1]:80"] {
        listen(address).bad(&["server.listen", address, "line 2", "server.issuer is not set", "https"]);
        listen(address)
            .env("SYMBOLON_SERVER_ISSUER", "http://localhost:7117")
            .bad(&["http://localhost:7117", "https"]);
        let config = listen(address).env("SYMBOLON_SERVER_ISSUER", "https://login.example").good().config;
        assert_eq!(config.issuer(config.server.listen).as_str(), "https://login.example");
    }
    for address in ["127.0.0.1:7117", "127.9.9.9:1", "[::1]:7117"] {
        let config = listen(address).good().config;
        assert_eq!(config.issuer(config.server.listen).as_str(), format!("http://{address}"));
    }
    // Port 0: the issuer names the port that was taken.
    let config = listen("127.0.0.1:0").good().config;
    assert_eq!(config.issuer("127.0.0.1:4711".parse().unwrap()).as_str(), "http://127.0.0.1:4711");
    listen("127.0.0.1:0").env("SYMBOLON_SERVER_ISSUER", "https://login.example/auth").good();
    for bad in
        ["https://a.example/", "https://a.example?x", "https://u@a.example", "http://a.example", "a.example"]
    {
        listen("127.0.0.1:0")
            .env("SYMBOLON_SERVER_ISSUER", bad)
            .bad(&["server.issuer", "SYMBOLON_SERVER_ISSUER"]);
    }
    let tls = "[tls]\ncertificate = \"a\"\nkey = \"b\"";
    Given::file(tls).bad(&["[tls]", "server.issuer", "https"]);
    Given::file(tls).env("SYMBOLON_SERVER_ISSUER", "https://a.example").good();
    let warned = listen("0.0.0.0:1").env("SYMBOLON_SERVER_ISSUER", "https://a.example").dev().good();
    assert!(warned.warnings[0].contains("/explore"), "{:?}", warned.warnings);
}

#[test]
fn lg_10_secrets_are_masked_wherever_the_configuration_is_shown() {
    let mut given = Given::default().env("SYMBOLON_MASTER_KEY", "canary-key");
    given.flags.store = Some("postgres://app:canary-password@db/symbolon".to_owned());
    let loaded = given.good();
    assert_eq!(loaded.config.master_key, MasterKey::Environment("canary-key".to_owned().into()));
    let shown =
        format!("{loaded:?}{}{}", loaded.provenance, serde_json::to_string(&loaded.provenance).unwrap());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(
        shown.contains("postgres://app:***@db/symbolon") && shown.contains("master_key = ***"),
        "{shown}"
    );
    assert!(
        loaded.warnings.iter().any(|warning| warning.contains("list of processes")),
        "{:?}",
        loaded.warnings
    );
    // In a file of its own it is no secret of the command line, nor of the configuration.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://app:canary@db/x\n").unwrap();
    let text = path.to_str().unwrap();
    Given::default().env("SYMBOLON_STORE_URL_FILE", text).bad(&["store.url_file", "chmod 600"]);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let loaded = Given::default().env("SYMBOLON_STORE_URL_FILE", text).good();
    assert!(matches!(&loaded.config.store.url, StoreUrl::Postgres(url) if url.contains("canary")));
    assert!(!loaded.provenance.to_string().contains("canary"));
    Given::file("[store]\nurl = \"sqlite\"")
        .env("SYMBOLON_STORE_URL_FILE", text)
        .bad(&["store.url", "keep one"]);
}

#[test]
fn the_master_key_comes_from_one_place_and_never_from_the_configuration_file() {
    Given::file("master_key = \"canary\"").bad(&["master key", "line 1", "master_key_file"]);
    let file = Given::file("master_key_file = \"/run/secrets/master\"");
    assert_eq!(file.good().config.master_key, MasterKey::File("/run/secrets/master".into()));
    let overlaid = Given::file("master_key_file = \"/x\"").env("SYMBOLON_MASTER_KEY", "k");
    assert_eq!(overlaid.good().config.master_key, MasterKey::Environment("k".to_owned().into()));
    Given::default()
        .env("SYMBOLON_MASTER_KEY", "k")
        .env("SYMBOLON_MASTER_KEY_FILE", "/x")
        .bad(&["given twice", "keep one"]);
}
