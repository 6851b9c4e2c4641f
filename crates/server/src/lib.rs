//! The shell of the binary `symbolon`: configuration, listener, TLS, logs, metrics. It is the edge: clocks, sockets, files
//! and signals are touched here, and passed inwards. The command line in `main.rs` puts it together.
//!
//! ```no_run
//! # async fn serve(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
//! use symbolon_server::{config, logs, serve, telemetry, tls};
//!
//! let loaded = config::load(&config::Flags::default())?;
//! let config = &loaded.config;
//! logs::start(&config.telemetry)?;
//! let metrics = config.telemetry.listen.map(telemetry::start).transpose()?;
//! let mut listener = serve::Listener::bind(config.server.listen, config.server.limits.clone())?;
//! let issuer = config.issuer(listener.address());
//! if let Some(files) = &config.tls {
//!     let tls = tls::Tls::load(files)?;
//!     tls::follow(&tls, tls::EVERY);
//!     listener = listener.with_tls(tls, issuer.origin());
//! }
//! let mut signals = serve::Signals::listen()?;
//! let drained = listener.serve(router).until(&mut signals, || ()).await;
//! # let _ = (metrics, drained);
//! # Ok(())
//! # }
//! ```

pub mod admin_socket;
pub mod assemble;
pub mod cli;
pub mod config;
pub mod files;
pub mod logs;
pub mod serve;
pub mod telemetry;
pub mod tls;
