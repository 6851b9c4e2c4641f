//! Databases that Symbolon cannot live in: a sentence that says what to do, and nothing half done.

use uuid::Uuid;

use super::{Fresh, fresh};
use crate::store::postgres::{Options, PostgresStore};

async fn refused(options: Options) -> String {
    match PostgresStore::open(options, Uuid::nil()).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    }
}

fn at(url: String) -> Options {
    Options { connections: 2, ..Options::new(url) }
}

impl Fresh {
    fn tables(&self) -> String {
        self.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    }
}

#[tokio::test]
async fn foreign_tables_are_left_alone() {
    let Some(database) = fresh().await else { return };
    database.sql("CREATE TABLE theirs (id INTEGER)");
    let told = refused(database.options()).await;
    assert!(told.contains("not Symbolon's (theirs)") && told.contains("a database of its own"), "{told}");
    assert_eq!(database.tables(), "1");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which() {
    let Some(database) = fresh().await else { return };
    database.sql(&format!("ALTER DATABASE {} OWNER TO postgres", database.0.name));
    let told = refused(database.options()).await;
    assert!(told.contains("ALTER DATABASE") && told.contains("Nothing was changed"), "{told}");
    assert_eq!(database.tables(), "0");
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_refused() {
    let Some(database) = fresh().await else { return };
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.0.name));
    let told = refused(database.options()).await;
    assert!(told.contains("takes no writes") && told.contains("primary"), "{told}");
    assert_eq!(database.tables(), "0");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_are_told_apart() {
    let Some(database) = fresh().await else { return };
    let cluster = symbolon_cluster::cluster().unwrap();
    let url = cluster.tcp_url(&database.0.name, "");
    assert!(PostgresStore::open(at(url.clone()), Uuid::nil()).await.is_ok(), "the right one");
    let told = refused(at(url.replace(symbolon_cluster::PASSWORD, "canary"))).await;
    assert!(told.contains("refuses the user or the password") && !told.contains("canary"), "{told}");
    let told = refused(at(cluster.tcp_url("nowhere", ""))).await;
    assert!(told.contains("does not exist") && told.contains("createdb"), "{told}");
    let told = refused(at("postgres://symbolon@127.0.0.1:1/s".to_owned())).await;
    assert!(told.contains("cannot be reached"), "{told}");
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let Some(database) = fresh().await else { return };
    let cluster = symbolon_cluster::cluster().unwrap();
    database.sql("CREATE DATABASE narrow OWNER symbolon ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    let told = refused(at(cluster.url("narrow"))).await;
    assert!(told.contains("LATIN1") && told.contains("--encoding=UTF8"), "{told}");
}
