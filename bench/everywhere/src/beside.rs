//! One check by a guard, beside the usual ways to make one: to ask the server about the token (RFC 7662), to read the session from Redis, to
//! read it from PostgreSQL; each over a connection that is kept open, first by one caller, then by many.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use http::{Method, header};
use serde_json::{Value, json};
use symbolon_guard::{Freshness, Guard};
use symbolon_http::{Check, Credential};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_postgres::{NoTls, Statement};
use uuid::Uuid;

use crate::{
    client::{Client, Sent},
    login::{self, Login, Place},
};

const CALLERS: usize = 32;
const LENGTH: Duration = Duration::from_secs(3);
/// Sessions in Redis and in PostgreSQL.
const SESSIONS: u128 = 100_000;
/// What a session is there.
const ROW: &str = r#"{"user":"0192a7c4-5d3e-7a10-9c2b-3f4e5d6c7b8a","roles":[],"amr":["pwd"],"auth_time":1790000000,"expires_at":1792592000}"#;

/// Where the usual ways lead.
struct World {
    check: Arc<dyn Check>,
    token: String,
    secret: String,
    node: SocketAddr,
    redis: SocketAddr,
    database: String,
}

/// A way to make a check, by a connection of one's own.
enum Way {
    Guard(Arc<dyn Check>, Credential),
    Introspection(Client, Sent),
    Redis(TcpStream),
    Postgres(tokio_postgres::Client, Statement),
}

pub(crate) async fn measure(
    issuer: &str,
    secret: &str,
    node: SocketAddr,
    redis: SocketAddr,
    database: &str,
) -> Result<Value> {
    let guard = Guard::builder(issuer, secret).node(format!("http://{node}")).open().await?;
    let mut place = Place::node(node);
    login::register(&mut place).await?;
    let Login::Token { access, .. } = place.must_log_in(1).await? else {
        unreachable!("odd numbers are tokens")
    };
    fill_redis(redis).await?;
    fill_postgres(database).await?;
    let world = Arc::new(World {
        check: guard.check(Freshness::Local),
        token: access,
        secret: secret.to_owned(),
        node,
        redis,
        database: database.to_owned(),
    });
    let mut found = serde_json::Map::new();
    for name in ["guard", "introspection", "redis", "postgres"] {
        let (one, _) = run(&world, name, 1).await?;
        let (_, rate) = run(&world, name, CALLERS).await?;
        found.insert(name.to_owned(), json!({ "micros": one, "rate": rate }));
    }
    Ok(found.into())
}

/// Microseconds of a check as one caller sees it, and checks per second of all of them.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn run(world: &Arc<World>, name: &'static str, callers: usize) -> Result<(f64, f64)> {
    let mut calling = JoinSet::new();
    for caller in 0..callers {
        let mut way = Way::to(world, name).await?;
        calling.spawn(async move {
            let (mut count, began) = (0_u32, Instant::now());
            let mut number = caller as u128 * 977;
            while began.elapsed() < LENGTH {
                for _ in 0..16 {
                    number = (number + 7_919) % SESSIONS;
                    way.check(number).await?;
                    count += 1;
                }
                // A guard's answer waits for nothing, and would never let another task in.
                tokio::task::yield_now().await;
            }
            anyhow::Ok((count, began.elapsed().as_secs_f64()))
        });
    }
    let (mut micros, mut rate) = (0.0, 0.0);
    for done in calling.join_all().await {
        let (count, took) = done?;
        micros = took * 1e6 / f64::from(count);
        rate += f64::from(count) / took;
    }
    Ok((micros, rate))
}

impl Way {
    async fn to(world: &World, name: &str) -> Result<Self> {
        Ok(match name {
            "guard" => Self::Guard(Arc::clone(&world.check), Credential::Bearer(world.token.clone())),
            "introspection" => Self::Introspection(
                Client::of(world.node),
                Sent::default()
                    .with(header::AUTHORIZATION, format!("Bearer {}", world.secret))
                    .form(format!("token={}", world.token)),
            ),
            "redis" => {
                let stream = TcpStream::connect(world.redis).await?;
                stream.set_nodelay(true)?;
                Self::Redis(stream)
            }
            _ => {
                let (client, connection) = tokio_postgres::connect(&world.database, NoTls).await?;
                tokio::spawn(connection);
                let statement = client.prepare("SELECT data FROM usual_sessions WHERE id = $1").await?;
                Self::Postgres(client, statement)
            }
        })
    }

    async fn check(&mut self, number: u128) -> Result<()> {
        match self {
            Self::Guard(check, credential) => {
                let good = matches!(check.recall(credential), Some(Ok(_)));
                ensure!(good, "the guard did not accept a login");
            }
            Self::Introspection(client, sent) => {
                let answer = client.send(Method::POST, "/oauth/introspect", sent).await?;
                let body: Value = serde_json::from_slice(&answer.body)?;
                ensure!(body["active"] == true, "introspection did not accept a login");
            }
            Self::Redis(stream) => {
                stream.write_all(format!("GET session:{number}\r\n").as_bytes()).await?;
                let mut answer = [0; 512];
                // "$LENGTH", the value, and line ends.
                let (mut read, whole) = (0, format!("${}\r\n", ROW.len()).len() + ROW.len() + 2);
                while read < whole {
                    let more = stream.read(&mut answer[read..]).await?;
                    ensure!(more > 0, "Redis went away");
                    read += more;
                }
                ensure!(answer[0] == b'$' && read == whole, "Redis has no such session");
            }
            Self::Postgres(client, statement) => {
                let row = client.query_one(&*statement, &[&Uuid::from_u128(number)]).await?;
                ensure!(row.get::<_, &str>(0) == ROW, "PostgreSQL has no such session");
            }
        }
        Ok(())
    }
}

async fn fill_redis(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let sets: String = (0..SESSIONS)
        .map(|number| {
            format!(
                "*3\r\n$3\r\nSET\r\n${}\r\nsession:{number}\r\n${}\r\n{ROW}\r\n",
                format!("session:{number}").len(),
                ROW.len()
            )
        })
        .collect();
    let (mut from, mut to) = stream.split();
    let answers = async {
        let (mut ok, mut piece) = (0, [0; 65_536]);
        while ok < SESSIONS {
            let read = from.read(&mut piece).await?;
            ensure!(read > 0, "Redis went away");
            ok += piece[..read].iter().filter(|byte| **byte == b'+').count() as u128;
        }
        Ok(())
    };
    let (written, answered) = tokio::join!(to.write_all(sets.as_bytes()), answers);
    written.context("Redis takes no sessions")?;
    answered
}

async fn fill_postgres(database: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    client
        .batch_execute("DROP TABLE IF EXISTS usual_sessions; CREATE TABLE usual_sessions (id uuid PRIMARY KEY, data text NOT NULL)")
        .await?;
    let ids: Vec<Uuid> = (0..SESSIONS).map(Uuid::from_u128).collect();
    client.execute("INSERT INTO usual_sessions SELECT unnest($1::uuid[]), $2", &[&ids, &ROW]).await?;
    client.batch_execute("VACUUM ANALYZE usual_sessions").await?;
    Ok(())
}
