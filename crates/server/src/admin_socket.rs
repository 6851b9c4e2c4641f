//! `DATA/admin.sock`: how the command line talks to a running node. The file is 0600, and every peer's user id is checked besides:
//! only the server's own user (and root) is an operator.

use std::{
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::UnixListener, sync::watch, task::JoinHandle};

const NAME: &str = "admin.sock";
/// What fits a socket address on Linux, without the final zero (unix(7)).
const LONGEST: usize = 107;

/// Where the socket of a data folder is: in it, or, when that path is too long for a socket, in the temporary folder under a name
/// made from the folder's.
pub fn path(data: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    let path = folder.join(NAME);
    if path.as_os_str().len() <= LONGEST {
        return path;
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, folder.as_os_str().as_bytes());
    let name: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let me = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("symbolon-{me}-{name}.sock"))
}

/// The open socket of a running node.
pub struct AdminSocket {
    path: PathBuf,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl AdminSocket {
    /// Opens the socket and serves `router` to the operator. A socket left by a process that died is replaced: whoever calls this
    /// owns the data folder.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open(data: &Path, router: Router) -> Result<Self> {
        let path = path(data);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("{} is in the way", path.display()));
            }
            _ => {}
        }
        let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let (stop, stopped) = watch::channel(false);
        Ok(Self { path, stop, accepting: tokio::spawn(accept(listener, router, stopped)) })
    }

    /// Stops accepting and removes the file.
    pub async fn close(self) {
        self.stop.send_replace(true);
        // A task that panicked has stopped too.
        let _ = self.accepting.await;
        // Left behind it does no harm: the next start replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let me = rustix::process::geteuid().as_raw();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an operator's connection could not be accepted");
                    continue;
                }
            },
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == me || peer.uid() == 0) {
            tracing::warn!("somebody else's process tried the admin socket");
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an operator's connection ended");
            }
        });
    }
}
