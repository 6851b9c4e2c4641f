//! `symbolon serve`: the server, from configuration to the last answer.

use std::io::Write;

use anyhow::{Context, Result};
use clap::Args;
use symbolon_axum::Auth;

use super::{Installation, doctor, node::Node, text};
use crate::{admin_socket::AdminSocket, assemble, config, config::StoreUrl, logs, serve, telemetry, tls};

/// Starts the server.
///
/// It runs until it is told to stop (SIGTERM, Ctrl-C), and then lets requests in flight end. Users, passwords and keys are in the
/// data folder, which one process owns at a time. The log goes to standard error.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon serve --dev                       to look at, on http://127.0.0.1:7117
  symbolon serve --data /var/lib/symbolon    settings from ./symbolon.toml and the environment
  SYMBOLON_SERVER_ISSUER=https://id.example.org symbolon serve    behind a proxy")]
pub(super) struct Serve {
    #[command(flatten)]
    installation: Installation,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<()> {
        let flags = config::Flags { listen: self.listen, ..self.installation.flags() };
        let loaded = config::load(&flags)?;
        let config = &loaded.config;
        logs::start(&config.telemetry)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let metrics = config.telemetry.listen.map(telemetry::start).transpose()?;
        dump_no_core();
        let mut listener = serve::Listener::bind(config.server.listen, config.server.limits.clone())?;
        let address = listener.address();
        let issuer = config.issuer(address);
        if let Some(files) = &config.tls {
            let tls = tls::Tls::load(files)?;
            tls::follow(&tls, tls::EVERY);
            listener = listener.with_tls(tls, issuer.origin());
        }
        let owner = format!("process {}, listening on {address}", std::process::id());
        let engine = assemble::engine(config, issuer.as_str(), &owner).await?;
        if let Some(metrics) = &metrics {
            metrics.tell_of(engine.clone());
        }
        let auth = assemble::auth(config, engine.clone())?;
        let mut signals = serve::Signals::listen()?;
        let folder = match &config.store.url {
            StoreUrl::Sqlite(folder) => Some(assemble::data(config, folder.as_deref())),
            StoreUrl::Postgres(_) => Some(assemble::data(config, None)),
            StoreUrl::Memory => None,
        };
        let socket = folder.map(|folder| AdminSocket::open(&folder, auth.local_router())).transpose();
        let socket = socket.context("the admin socket could not be opened")?;
        raise_open_files();
        let router = assemble::router(&auth, issuer.path());
        let (shares, answers) = (auth.clone(), auth.clone());
        let running = listener
            .sharing(move |uri, asked| shares.shared(uri, asked))
            .at_once(move |request, peer| answers.at_once(request, peer))
            .serve(router);
        announce(&issuer, config.dev)?;
        tracing::info!(%address, issuer = issuer.as_str(), "listening");
        tell_how_to_administer(&auth, &self.installation).await;
        let drained = running.until(&mut signals, || engine.leave()).await;
        if let Some(socket) = socket {
            socket.close().await;
        }
        engine.close().await?;
        drop(metrics);
        tracing::info!(cut_off = drained.cut_off, "stopped");
        Ok(())
    }
}

/// Tells a person where to click.
fn announce(issuer: &config::Issuer, dev: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let base = issuer.as_str();
    writeln!(out, "Symbolon is at {base}")?;
    if dev {
        writeln!(out)?;
        writeln!(out, "  {base}/explore   both journeys, side by side, with every request shown")?;
        writeln!(out, "  {base}/register  an account of your own")?;
        writeln!(out)?;
        writeln!(out, "Development mode: data in ./symbolon-dev unless set otherwise. Stop with Ctrl-C.")?;
    }
    out.flush()?;
    Ok(())
}

/// Says how to make the first administrator while there is none. No user is there by default, with no password that everybody knows
/// (ATTACKS CR-33).
async fn tell_how_to_administer(auth: &Auth, installation: &Installation) {
    match doctor::administrator(&Node::of(auth)).await {
        Ok(Some(false)) => {
            let flags = installation.told();
            tracing::info!(
                "nobody administers yet: `symbolon user add --role admin NAME{flags}` makes the first administrator"
            );
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(error = %text::safe(&super::sentence(&error)), "who administers could not be looked up");
        }
    }
}

/// What this process holds in memory, keys and passwords among it, belongs in no file (LG-13).
fn dump_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
}

/// Connections are files: the soft limit of most systems, 1024, is far below what the process may have.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}
