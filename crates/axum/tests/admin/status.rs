//! `GET /v1/admin/status`: what `symbolon doctor` asks.

use std::sync::Arc;

use serde_json::{Value, json};
use symbolon::{
    audit::Actor,
    store::{Store, memory::MemoryStore, sqlite::SqliteStore},
};
use symbolon_axum::Options;
use uuid::Uuid;

use crate::common::{ISSUER, World};

async fn tells(store: Arc<dyn Store>, schema: Value) {
    let world = World::over(store, Options::default()).await;
    let alice = world.user("alice", &[]).await;
    world.user("bob", &[]).await;
    world.cookie("alice").await;
    world.bearer("alice", "session").await;
    world.cookie("bob").await;
    world.client("introspect").await;
    let status = world.ask_locally("GET", "/v1/admin/status").await.json();
    assert_eq!((&status["issuer"], &status["schema"]), (&json!(ISSUER), &schema));
    assert_eq!(
        (&status["users"], &status["sessions"], &status["clients"]),
        (&json!(2), &json!(3), &json!(1))
    );
    assert_eq!(status["counted_all"], true);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["log"]["head"], &status["log"]["applied"]), (&json!(1), &json!(1)), "the client");
    assert_eq!(status["keys"][0]["state"], "current");
    assert_eq!(status["master_keys"][0]["version"], 1);
    assert_eq!(status["master_keys"][0]["fingerprint"].as_str().unwrap().len(), 16);
    world.engine.set_disabled(alice.id, true, Actor::Cli).await.unwrap();
    let status = world.ask_locally("GET", "/v1/admin/status").await.json();
    assert_eq!((&status["log"]["head"], &status["log"]["applied"]), (&json!(2), &json!(2)));
    assert_eq!((&status["users"], &status["sessions"]), (&json!(2), &json!(1)), "what ended does not count");
}

#[tokio::test]
async fn it_says_what_there_is_in_either_store() {
    tells(Arc::new(MemoryStore::new(Uuid::from_u128(1))), Value::Null).await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), "a test", Uuid::from_u128(1)).unwrap();
    tells(Arc::new(store), json!(1)).await;
}
