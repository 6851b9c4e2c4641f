//! Databases that Symbolon cannot live in: a sentence that says what to do, and nothing half done.

use uuid::Uuid;

use super::{Fresh, fresh};
use crate::store::postgres::{Options, PostgresStore};

pub(super) async fn refused(options: Options) -> String {
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

/// What answers is no database, or one that means harm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_35_a_hostile_or_broken_server_is_an_error_within_bounded_time() {
    const SALT: &str = "c2FsdHNhbHRzYWx0c2FsdA==";
    let message = |kind: u8, body: &[u8]| {
        let mut bytes = vec![kind];
        bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    };
    let scram = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    let welcome = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
    let columns =
        message(b'T', b"\0\x01transaction_read_only\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
    let answer = |row: &[u8]| {
        [columns.clone(), message(b'D', row), message(b'C', b"SHOW\0"), message(b'Z', b"I")].concat()
    };
    // What it says at first, and what to each message after; `{nonce}` is the one that it was sent.
    let hostile: [(&str, Vec<u8>, Vec<u8>); 8] = [
        (
            "two thousand million rounds",
            scram.clone(),
            message(b'R', format!("\0\0\0\x0br={{nonce}}x,s={SALT},i=2147483647").as_bytes()),
        ),
        ("no round", scram.clone(), message(b'R', format!("\0\0\0\x0br={{nonce}}x,s={SALT},i=0").as_bytes())),
        ("another's nonce", scram, message(b'R', format!("\0\0\0\x0br=x,s={SALT},i=4096").as_bytes())),
        ("a row shorter than it says", welcome.clone(), answer(b"\0\x01\0\0\0\x64on")),
        ("a row of no columns", welcome.clone(), answer(b"\0\0")),
        ("a row of a negative length", welcome, answer(b"\0\x01\x80\0\0\0on")),
        ("a message longer than any", b"R\x7f\xff\xff\xff".to_vec(), Vec::new()),
        ("nothing", Vec::new(), Vec::new()),
    ];
    for (what, first, then) in hostile {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((wire, _)) = listener.accept().await {
                tokio::spawn(hostility(wire, first.clone(), then.clone()));
            }
        });
        let options = Options {
            connect_timeout: std::time::Duration::from_millis(500),
            ..at(format!("postgres://symbolon:secret@{address}/s"))
        };
        // On a thread of its own: an endless computation must not stop the clock that it is judged by.
        let opened = tokio::spawn(refused(options));
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), opened).await;
        let told = told
            .unwrap_or_else(|_| panic!("{what}: it goes on"))
            .unwrap_or_else(|died| panic!("{what}: {died}"));
        assert!(!told.is_empty() && !told.contains("secret"), "{what}: {told}");
        server.abort();
    }
}

async fn hostility(mut wire: tokio::net::TcpStream, first: Vec<u8>, then: Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = [0; 1024];
    let mut say = first;
    while let Ok(length @ 1..) = wire.read(&mut buffer).await {
        let heard = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let nonce = heard.split("r=").nth(1).unwrap_or_default();
        let mut said = Vec::new();
        // A nonce changes the length of what it stands in, which stands before it.
        match String::from_utf8(say.clone()) {
            Ok(text) if text.contains("{nonce}") => {
                let body = text[5..].replace("{nonce}", nonce);
                said.push(b'R');
                said.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
                said.extend(body.as_bytes());
            }
            _ => said.extend(&say),
        }
        if wire.write_all(&said).await.is_err() {
            return;
        }
        say.clone_from(&then);
    }
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let Some(database) = fresh().await else { return };
    let cluster = symbolon_cluster::cluster().unwrap();
    database.sql("CREATE DATABASE narrow OWNER symbolon ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
    let told = refused(at(cluster.url("narrow"))).await;
    assert!(told.contains("LATIN1") && told.contains("--encoding=UTF8"), "{told}");
}

/// As a dump is that the superuser put back.
#[tokio::test]
async fn tables_of_another_user_are_told_of() {
    let Some(database) = fresh().await else { return };
    drop(PostgresStore::open(database.options(), Uuid::nil()).await.unwrap());
    let tables = "SELECT format('ALTER TABLE %I OWNER TO postgres', tablename) FROM pg_tables WHERE schemaname = 'public'";
    let statements = database.sql(tables).replace('\n', "; ");
    database.sql(&statements);
    let told = refused(database.options()).await;
    assert!(told.contains("permission denied") && told.contains("ALTER TABLE"), "{told}");
}
