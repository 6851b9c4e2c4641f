//! Secrets do not speak (invariant 10), and a stolen store is useless (invariant 5).

use std::{collections::BTreeSet, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::{Connection, types::Value};
use symbolon::{
    Error, ErrorKind,
    audit::Actor,
    login::{Attempt, Carrier},
    session::Via,
    store::{NewUser, Store, Transition, sqlite::SqliteStore},
    token::issue::Wish,
};
use symbolon_token::{Algorithm, ClientSecret, Kid, MacKey, RefreshToken, SessionCookie, SigningKey};

use crate::common::{Call, Someone, World, caller, kind, logs, over_every_store};

over_every_store! {
    lg_01_invariant_10_canaries_appear_in_no_log_no_error_and_no_audit_row,
    lg_01_debug_shows_no_secret,
}

/// What somebody went through, and every secret that was met on the way.
struct Canaries {
    someone: Someone,
    secrets: Vec<(&'static str, String)>,
}

/// Every journey once, with what can go wrong in it.
async fn journeys(world: &World, name: &str) -> Canaries {
    let mut secrets = Vec::new();
    let someone = world.user(name).await;
    let wrong = format!("{name} wrong 7f3kq91x");
    let new = format!("walnut ferry beneath orange {}", name.len());
    secrets.push(("password", someone.password.clone()));
    secrets.push(("wrong password", wrong.clone()));
    let _ = world.try_from(name, &wrong, "192.0.2.50").await;
    let _ = world.try_from(&wrong, &someone.password, "192.0.2.50").await;

    let browser = world.browser(&someone).await;
    secrets.push(("cookie", browser.cookie.reveal()));
    secrets.push(("known browser", browser.known.reveal()));
    world.check(&browser.cookie).await.unwrap();
    let exchanged = world.engine.exchange(browser.session.id, &Wish::default()).await.unwrap();
    secrets.push(("exchanged token", exchanged.access_token));

    let chain = world.tokens(&someone).await;
    let (access, refresh) = (chain.access_token, chain.refresh_token.unwrap());
    world.engine.check_token(&access).unwrap();
    let next = world.engine.refresh(&refresh, None, &caller()).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let _ = world.engine.refresh(&refresh, None, &caller()).await;
    secrets.extend([("access token", access), ("refresh token", refresh)]);
    secrets.push(("next refresh token", next.refresh_token.unwrap()));
    let stateless = world.stateless(&someone).await.access_token;
    world.engine.revoke(&stateless, None, &caller()).await.unwrap();
    let _ = world.engine.introspect(&stateless).await.unwrap();
    secrets.push(("stateless token", stateless));

    let (client, secret) =
        world.engine.add_client(name, vec!["introspect".into()], Actor::Cli).await.unwrap();
    secrets.push(("client secret", secret));
    secrets.push(("client secret", world.engine.rotate_client(client.id, Actor::Cli).await.unwrap().1));

    let here = caller();
    let holder = world.holder(browser.session.id, Via::Cookie, &here);
    let _ = world.engine.confirm(&holder, &wrong, false).await;
    let _ = world.engine.change_password(&holder, &someone.password, "short").await;
    for call in [Call::Session, Call::Transact, Call::Charge, Call::LoginByUser] {
        world.store.fail_before(call);
        let _ = world.engine.change_password(&holder, &someone.password, &new).await;
    }
    world.engine.change_password(&holder, &someone.password, &new).await.map(drop).unwrap();
    secrets.push(("new password", new));
    world.store.fail_before(Call::Touch);
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    world.engine.tend().await.unwrap();
    Canaries { someone, secrets }
}

async fn lg_01_invariant_10_canaries_appear_in_no_log_no_error_and_no_audit_row(world: World) {
    logs::capture();
    let name = if world.folder().is_some() { "canary.file" } else { "canary.memory" };
    let canaries = journeys(&world, name).await;
    let rows = format!("{:?}", world.engine.audit(None, None, usize::MAX).await.unwrap());
    assert!(rows.contains(&canaries.someone.id.to_string()), "the audit does speak of the user");
    for (what, secret) in &canaries.secrets {
        // The part behind the prefix and the id, and the whole: nothing of it is anywhere.
        let tail = &secret[secret.len() - 12.min(secret.len())..];
        assert!(!rows.contains(tail), "{what} in the audit");
        assert_eq!(logs::lines_with(tail), Vec::<String>::new(), "{what} in the log");
    }
    let master = format!("{:?} {:?}", world.master, world.engine.settings());
    assert!(!master.contains("canary"));
}

/// An embedding application may pass what the server's configuration refuses without `unsafe_…`: no start with it is silent.
#[tokio::test]
async fn em_10_danger_in_an_embedding_application_is_told_at_its_start() {
    logs::capture();
    let before = logs::lines_with("a cost that is for tests").len();
    let _world = World::memory().await;
    let after = logs::lines_with("a cost that is for tests");
    assert!(after.len() > before && after[before].starts_with("WARN"), "{after:?}");
}

/// Errors too: what a caller did is never repeated to it, nor to whoever reads the chain of causes.
#[tokio::test]
async fn lg_01_errors_do_not_echo() {
    let world = World::memory().await;
    let ann = world.user("ann").await;
    let canary = "canary0123456789canary";
    let here = caller();
    let holder = world.holder(world.browser(&ann).await.session.id, Via::Cookie, &here);
    let attempt = |identifier, password, carrier| Attempt {
        identifier,
        password,
        carrier,
        presented: None,
        known: None,
        caller: &here,
    };
    let wish = Wish { audience: vec![canary.into()], scope: None };
    let scope = Wish { audience: Vec::new(), scope: Some(canary.into()) };
    let cookie = || Carrier::Cookie { remember: true };
    let mut errors: Vec<Error> = Vec::new();
    errors.extend(world.engine.login(attempt(canary, "x", cookie())).await.err());
    errors.extend(world.engine.login(attempt("ann", canary, cookie())).await.err());
    errors.extend(world.engine.login(attempt("ann", "x", Carrier::Token(wish))).await.err());
    errors.extend(world.engine.login(attempt("ann", "x", Carrier::Token(scope))).await.err());
    errors.extend(world.engine.check_token(canary).err());
    errors.extend(world.engine.refresh(canary, Some(canary), &here).await.err());
    errors.extend(world.engine.authenticate_client(Some(canary), canary).err());
    errors.extend(world.engine.change_password(&holder, canary, "short").await.err());
    errors.extend(world.engine.change_password(&holder, &ann.password, &canary[..14]).await.err());
    errors.extend(world.engine.find_user(canary).await.err());
    world.store.fail_before(Call::LoginByIdentifier);
    errors.extend(world.engine.login(attempt(canary, canary, cookie())).await.err());
    assert_eq!(errors.len(), 11);
    for error in errors {
        let mut told = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            told += &format!("{deeper} {deeper:?}");
            cause = deeper.source();
        }
        assert!(!told.contains("canary"), "{told}");
    }
}

async fn lg_01_debug_shows_no_secret(world: World) {
    let ann = world.user("ann").await;
    let (browser, chain) = (world.browser(&ann).await, world.tokens(&ann).await);
    let (_, secret) = world.engine.add_client("api", vec!["check".into()], Actor::Cli).await.unwrap();
    let login = world.store.login_by_user(ann.id).await.unwrap().unwrap();
    let credential = login.credential.clone().unwrap();
    let refresh = RefreshToken::parse(chain.refresh_token.as_deref().unwrap()).unwrap();
    let client = ClientSecret::parse(&secret).unwrap();
    let clients = world.store.clients().await.unwrap();
    let keys = world.store.keys().await.unwrap();
    let row = world.store.session(browser.session.id).await.unwrap().unwrap();
    let audit = world.engine.audit(None, None, 1).await.unwrap().remove(0);
    let new_user = NewUser {
        user: login.user.clone(),
        canonical: "ann".into(),
        identifier_kind: "username",
        credential: Some(credential.clone()),
        audit: audit.clone(),
    };
    let transition = Transition {
        condition: None,
        end: None,
        password: Some((credential.id, credential.data.clone())),
        mint: Some(row.session.clone()),
        limit: None,
        refunds: Vec::new(),
        rekey: None,
        at: world.now(),
        forget_at: 0,
        audit: vec![audit],
    };
    let shown = [
        format!("{:?}", browser.cookie),
        format!("{:?}", browser.known),
        format!("{refresh:?} {client:?}"),
        format!("{credential:?} {login:?} {new_user:?} {transition:?}"),
        format!("{clients:?} {keys:?} {row:?}"),
        format!("{:?} {:?}", world.master, world.engine.settings()),
        format!("{:?}", world.store.installation().await.unwrap()),
        format!("{:?}", symbolon::password::Password::parse(&ann.password).unwrap()),
        format!("{:?}", world.engine.keys()),
    ]
    .join("\n");
    let hashes = clients[0].secrets[0];
    let secrets = [
        ("cookie", browser.cookie.reveal()[30..].to_owned()),
        ("known browser", browser.known.reveal()[22..].to_owned()),
        ("refresh token", refresh.reveal()[30..].to_owned()),
        ("client secret", secret[30..].to_owned()),
        ("client's hash", format!("{hashes:?}")),
        ("password", ann.password.clone()),
        ("password hash", credential.data.clone()),
        ("its salt and output", credential.data.rsplit('$').next().unwrap().to_owned()),
        ("sealed key", format!("{:?}", keys[0].sealed)),
    ];
    for (what, secret) in secrets {
        assert!(!shown.contains(&secret), "{what}");
    }
}

/// Every value of every row.
fn dump(database: &Path) -> Vec<Value> {
    let sql = Connection::open(database).unwrap();
    let tables: Vec<String> = sql
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(tables.len() >= 12, "{tables:?}");
    let mut values = Vec::new();
    for table in tables {
        let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            values.extend((0..columns).map(|column| row.get::<_, Value>(column).unwrap()));
        }
    }
    values
}

/// Whatever a thief might try as a credential: texts as they are, bytes in every form that a secret has, and bytes as keys.
struct Loot {
    texts: BTreeSet<String>,
    ids: Vec<uuid::Uuid>,
    keys: Vec<[u8; 32]>,
    blobs: Vec<Vec<u8>>,
}

impl Loot {
    fn of(values: Vec<Value>) -> Self {
        let mut loot = Self { texts: BTreeSet::new(), ids: Vec::new(), keys: Vec::new(), blobs: Vec::new() };
        for value in values {
            match value {
                Value::Text(text) => drop(loot.texts.insert(text)),
                Value::Blob(bytes) => {
                    loot.texts.insert(URL_SAFE_NO_PAD.encode(&bytes));
                    loot.texts.insert(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
                    loot.ids.extend(<[u8; 16]>::try_from(bytes.as_slice()).map(uuid::Uuid::from_bytes));
                    loot.keys.extend(<[u8; 32]>::try_from(bytes.as_slice()));
                    loot.keys.extend(bytes.last_chunk::<32>());
                    loot.blobs.push(bytes);
                }
                Value::Null | Value::Integer(_) | Value::Real(_) => {}
            }
        }
        loot
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invariant_5_rt_17_ck_15_a_stolen_store_gives_no_credential() {
    let world = World::sqlite().await;
    // HS256: the worst case, for what signs would also verify.
    let world = world.restart_with(|settings| settings.token.algorithm = Algorithm::Hs256).await;
    let canaries = journeys(&world, "victim").await;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let new = Someone { password: "walnut ferry beneath orange 6".into(), ..canaries.someone.clone() };
    let (browser, chain) = (world.browser(&new).await, world.tokens(&new).await);
    let good = world.stateless(&new).await.access_token;
    let claims = crate::token::payload(&good);

    let world = world.kill().await;
    let loot = Loot::of(dump(&world.folder().unwrap().join("symbolon.db")));
    assert!(loot.ids.contains(&browser.session.id) && loot.keys.len() > 5 && loot.texts.len() > 50);
    let session = chain.session_id.unwrap();

    let known = world.store.installation().await.unwrap().master_keys;
    let known: Vec<String> = known.into_iter().map(|(_, fingerprint)| fingerprint).collect();
    // As texts, whole.
    for text in &loot.texts {
        for prefix in ["", "ses_", "ref_", "key_"] {
            let text = format!("{prefix}{text}");
            if let Some(cookie) = SessionCookie::parse(&text) {
                assert!(!world.accepts(&cookie).await, "{text}");
            }
            assert!(world.engine.refresh(&text, None, &caller()).await.is_err(), "{text}");
            assert!(world.engine.check_token(&text).is_err(), "{text}");
            assert!(world.engine.authenticate_client(None, &text).is_err(), "{text}");
            if let Ok(master) = symbolon::keyring::MasterKey::parse(&text) {
                assert!(!known.contains(&master.fingerprint()), "{text}");
            }
        }
    }
    // Bytes behind the ids that they belong to.
    for id in &loot.ids {
        for secret in &loot.keys {
            let body = URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), secret].concat());
            let cookie = SessionCookie::parse(&format!("ses_{body}")).unwrap();
            assert!(!world.accepts(&cookie).await);
            assert!(world.engine.refresh(&format!("ref_{body}"), None, &caller()).await.is_err());
            assert!(world.engine.authenticate_client(None, &format!("key_{body}")).is_err());
        }
    }
    // Bytes as the keys that make secrets.
    for key in &loot.keys {
        let mac = MacKey::new(*key);
        for counter in 0..3 {
            let token = RefreshToken::mint(session, counter, &mac).reveal();
            assert!(world.engine.refresh(&token, None, &caller()).await.is_err());
        }
        assert!(!world.accepts(&SessionCookie::mint(browser.session.id, [0; 24], &mac)).await);
    }
    let header = |kid: &Kid| serde_json::json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid.to_string() });
    for bytes in loot.blobs.iter().map(Vec::as_slice).chain(loot.texts.iter().map(String::as_bytes)) {
        if bytes.is_empty() {
            continue;
        }
        for kid in world.engine.keys().iter().map(|key| key.kid) {
            let forged = crate::token::forged(&header(&kid), &claims, bytes);
            assert!(world.engine.check_token(&forged).is_err());
        }
        for algorithm in [Algorithm::Es256, Algorithm::Ed25519] {
            assert!(SigningKey::from_private_bytes(algorithm, bytes).is_err());
        }
    }
    // And the hash is not the password.
    let hash = loot.texts.iter().find(|text| text.starts_with("$argon2id$")).unwrap();
    let answer = world.try_from("victim", hash, "198.51.100.1").await;
    assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials));

    // None of it was for want of a living victim.
    assert!(world.accepts(&browser.cookie).await && world.engine.check_token(&good).is_ok());
    world.engine.refresh(&chain.refresh_token.unwrap(), None, &caller()).await.unwrap();
}

/// LG-11: the files themselves, free pages and the log included, in every form in which a secret could lie there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lg_11_invariant_5_no_secret_lies_in_the_files() {
    let world = World::sqlite().await;
    let canaries = journeys(&world, "filed").await;
    world.engine.delete_user(canaries.someone.id, Actor::Cli).await.unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(world.folder().unwrap()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(holds(b"login_failed"), "the search finds what is there");
    for (what, secret) in &canaries.secrets {
        assert!(!holds(secret.as_bytes()), "{what}");
        let body = secret.split('_').next_back().unwrap();
        if let Some(raw) = URL_SAFE_NO_PAD.decode(body).ok().filter(|raw| raw.len() >= 32) {
            assert!(!holds(&raw[16..]), "{what}, as bytes");
        }
    }
    assert!(!holds(world.master.reveal().as_bytes()));
}

/// A backup is what a thief is likeliest to find: the master key is not in it, nor a private key that is of use without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn km_15_a_backup_without_the_master_key_holds_no_usable_private_key() {
    let world = World::sqlite().await;
    let canaries = journeys(&world, "copied").await;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let folder = world.folder().unwrap();
    let backup = folder.join("backup");
    SqliteStore::back_up(folder, "a test", &backup, world.engine.now(), |_, _| {}).unwrap();
    let bytes = std::fs::read(&backup).unwrap();
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    let loot = Loot::of(dump(&backup));
    for key in world.engine.keys() {
        assert!(loot.texts.contains(&key.kid.to_string()), "it does hold the keys");
    }
    for blob in loot.blobs.iter().filter(|blob| !blob.is_empty()) {
        for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Rs256] {
            assert!(SigningKey::from_private_bytes(algorithm, blob).is_err());
        }
    }
    // The head of every P-256 key in PKCS #8: as one would lie there unsealed.
    let (key, private) = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Es256);
    let head = private.as_ref().get(..30).unwrap();
    assert!(!holds(head));
    let master = world.master.reveal();
    assert!(!holds(master.as_bytes()));
    let raw: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&master[2 * at..2 * at + 2], 16).unwrap()).collect();
    assert!(!holds(&raw) && !holds(&raw[..16]) && !holds(&raw[16..]));
    for (what, secret) in &canaries.secrets {
        assert!(!holds(secret.as_bytes()), "{what}");
    }
}
