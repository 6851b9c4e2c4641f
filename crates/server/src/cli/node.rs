//! The admin API of an installation, wherever it is: over `DATA/admin.sock` when a node runs, else in this process, over the store
//! itself. A verb is one request either way, so it has one implementation and one set of rules.
//!
//! Refuses to open a store that somebody else holds, that belongs to another user of the machine (files would be left behind that
//! the server cannot open), or that is not there, unless the verb is one that begins an installation.

use std::{
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use axum::{Router, body::Body};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use symbolon::{
    Symbolon,
    store::{postgres::PostgresStore, sqlite::SqliteStore},
};
use symbolon_axum::Auth;
use tokio::net::UnixStream;
use tower_service::Service;

use super::{Installation, answer::Answer};
use crate::{
    admin_socket, assemble,
    config::{Config, StoreUrl},
};

/// A node that does not answer for so long never will.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a folder is looked at that a process holds which has no socket (yet, or any more), and how long between.
const LOOKS: (u32, Duration) = (100, Duration::from_millis(50));

/// What a verb does where there is no installation yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// Begins one.
    Begin,
    /// Says so.
    Refuse,
}

/// The installation, ready to be asked.
pub(super) struct Node(Place);

enum Place {
    Running(PathBuf),
    Here { engine: Symbolon, router: Router },
}

impl Node {
    /// Finds the installation: the running node, or the store when none runs.
    ///
    /// # Errors
    /// A sentence that says what is in the way.
    pub(super) async fn reach(installation: &Installation, absent: Absent) -> Result<Self> {
        let config = installation.load()?.config;
        let data = data(&config)?;
        if let Some(socket) = running(&data).await? {
            return Ok(Self(Place::Running(socket)));
        }
        if absent == Absent::Refuse && !there(&config, &data).await? {
            bail!("{}", nothing_there(&config, &data, installation));
        }
        refuse_foreign(&data)?;
        Self::open(&config).await
    }

    /// Opens the store in this process.
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let owner = format!("process {}, a command line", std::process::id());
        let engine = assemble::engine(config, &issuer(config), &owner).await?;
        let router = assemble::auth(config, engine.clone())?.local_router();
        Ok(Self(Place::Here { engine, router }))
    }

    /// The one in this process, which serves already.
    pub(super) fn of(auth: &Auth) -> Self {
        Self(Place::Here { engine: auth.engine().clone(), router: auth.local_router() })
    }

    /// Whether a server answers, and not this process.
    pub(super) fn runs(&self) -> bool {
        matches!(self.0, Place::Running(_))
    }

    /// A connection of its own, for one request after the other.
    pub(super) async fn lane(&self) -> Result<Lane> {
        match &self.0 {
            Place::Here { router, .. } => Ok(Lane(Line::Here(router.clone()))),
            Place::Running(socket) => {
                let stream = UnixStream::connect(socket).await.with_context(gone)?;
                let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.with_context(gone)?;
                // Its errors reach whoever waits for an answer.
                tokio::spawn(connection);
                Ok(Lane(Line::Socket(sender)))
            }
        }
    }

    /// `GET`.
    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        self.lane().await?.send(&Method::GET, path, None).await
    }

    /// `POST`, with a JSON body when there is one.
    pub(super) async fn post(&self, path: &str, body: Option<&impl Serialize>) -> Result<Answer> {
        let body = body.map(serde_json::to_vec).transpose()?;
        self.lane().await?.send(&Method::POST, path, body).await
    }

    /// `PATCH`, with a JSON body.
    pub(super) async fn patch(&self, path: &str, body: &impl Serialize) -> Result<Answer> {
        self.lane().await?.send(&Method::PATCH, path, Some(serde_json::to_vec(body)?)).await
    }

    /// `DELETE`.
    pub(super) async fn delete(&self, path: &str) -> Result<Answer> {
        self.lane().await?.send(&Method::DELETE, path, None).await
    }

    /// Lets go of the store. A verb that fails before it comes here leaves nothing unwritten either: every answer was durable.
    pub(super) async fn close(self) -> Result<()> {
        if let Place::Here { engine, .. } = self.0 {
            engine.close().await?;
        }
        Ok(())
    }
}

/// One request after the other.
pub(super) struct Lane(Line);

enum Line {
    Socket(http1::SendRequest<Full<Bytes>>),
    Here(Router),
}

impl Lane {
    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn send(
        &mut self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        let request = match body {
            Some(_) => request.header(header::CONTENT_TYPE, "application/json"),
            None => request,
        };
        let body = Bytes::from(body.unwrap_or_default());
        let answered = async {
            match &mut self.0 {
                Line::Socket(sender) => {
                    sender.ready().await?;
                    let (head, body) =
                        sender.send_request(request.body(Full::new(body))?).await?.into_parts();
                    anyhow::Ok((head, body.collect().await?.to_bytes()))
                }
                Line::Here(router) => {
                    let Ok(answer) = router.call(request.body(Body::from(body))?).await;
                    let (head, body) = answer.into_parts();
                    Ok((head, body.collect().await?.to_bytes()))
                }
            }
        };
        let (head, body) = tokio::time::timeout(PATIENCE, answered)
            .await
            .context("the server did not answer within a minute; its log may say why")?
            .with_context(gone)?;
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or_default() };
        Ok(Answer::new(&head, body))
    }
}

fn gone() -> &'static str {
    "the server went away in the middle of it; see its log, and look whether it was done before trying again"
}

/// The issuer of the next start.
pub(super) fn issuer(config: &Config) -> String {
    let mut listen = config.server.listen;
    if listen.port() == 0 {
        // Whichever port the server gets next: nothing that is done here hangs on it.
        listen.set_port(7117);
    }
    config.issuer(listen).as_str().to_owned()
}

/// The data folder of an installation that has one.
pub(super) fn data(config: &Config) -> Result<PathBuf> {
    match &config.store.url {
        StoreUrl::Sqlite(folder) => Ok(assemble::data(config, folder.as_deref())),
        StoreUrl::Memory => {
            bail!("store.url is \"memory\": such an installation lives and dies with its server's process")
        }
        // Where the master key is, and the socket of the node on this machine.
        StoreUrl::Postgres(_) => Ok(assemble::data(config, None)),
    }
}

/// Whether there is an installation.
pub(super) async fn there(config: &Config, data: &Path) -> Result<bool> {
    match &config.store.url {
        StoreUrl::Postgres(url) => Ok(PostgresStore::schema(config.store.postgres(url)).await?.at > 0),
        StoreUrl::Sqlite(_) | StoreUrl::Memory => Ok(exists(data)),
    }
}

/// Whether the folder holds an installation.
pub(super) fn exists(data: &Path) -> bool {
    SqliteStore::is_in(data)
}

/// The socket of the node that runs on a data folder. A process that holds the folder and has no socket is about to open it, or to
/// let the folder go: both are waited for.
pub(super) async fn running(data: &Path) -> Result<Option<PathBuf>> {
    let socket = admin_socket::path(data);
    let (looks, pause) = LOOKS;
    for left in (0..looks).rev() {
        match UnixStream::connect(&socket).await {
            Ok(_) => return Ok(Some(socket)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => bail!(
                "{} may be used by its own user alone{}; run this as that user, or as root",
                data.display(),
                owner(data).map(|uid| format!(" (user id {uid})")).unwrap_or_default()
            ),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be used", socket.display())),
        }
        match SqliteStore::holder(data) {
            None => return Ok(None),
            Some(holder) if left == 0 => bail!(
                "{} is held by {holder}, which does not answer on {}; if it is not about to start or stop, end it",
                data.display(),
                socket.display()
            ),
            Some(_) => tokio::time::sleep(pause).await,
        }
    }
    Ok(None)
}

fn owner(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|about| about.uid())
}

/// Files made in somebody else's folder would lock the server out of its own data.
pub(super) fn refuse_foreign(data: &Path) -> Result<()> {
    let me = rustix::process::geteuid().as_raw();
    match owner(data) {
        Some(uid) if uid != me => bail!(
            "{} belongs to user id {uid}, and you are {me}: run this as that user, or start the server first",
            data.display()
        ),
        _ => Ok(()),
    }
}

fn nothing_there(config: &Config, data: &Path, installation: &Installation) -> String {
    if let StoreUrl::Postgres(_) = &config.store.url {
        return "there is no installation in the database of store.url; `symbolon serve` begins one, and `symbolon migrate \
                --from sqlite:DIR --to URL` moves one there"
            .to_owned();
    }
    let data_shown = data.display();
    let hint = if !installation.dev && exists(Path::new("./symbolon-dev")) {
        "; there is one for development in ./symbolon-dev: --dev names it"
    } else {
        "; --data names another folder, and `symbolon serve` or `symbolon user add --role admin NAME` begins one"
    };
    format!("there is no installation in {data_shown}{hint}")
}

/// A value in a path or query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
