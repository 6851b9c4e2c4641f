//! A wire that can be cut: a TCP proxy on loopback between a process and what it depends on.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// They arrive.
    Whole,
    /// Connections are reset, and new ones as well.
    Cut,
    /// They are kept back until the wire is whole again, and nobody is told: the worst of all.
    Stalled,
    /// Each piece takes some milliseconds.
    Slow,
}

/// The proxy. It ends with the runtime.
#[derive(Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: watch::Sender<Wire>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `upstream`.
    pub(crate) async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (state, seen) = watch::channel(Wire::Whole);
        let proxy = Self { address: listener.local_addr().unwrap(), state };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, upstream, seen.clone()));
            }
        });
        proxy
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to bytes.
    pub(crate) fn set(&self, wire: Wire) {
        self.state.send_replace(wire);
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, mut state: watch::Receiver<Wire>) {
    if *state.borrow() == Wire::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut both = tokio::task::JoinSet::new();
    both.spawn(pass(from_client, to_server, state.clone()));
    both.spawn(pass(from_server, to_client, state.clone()));
    // Cut, or closed by one side: what is dropped closes both.
    tokio::select! {
        _ = state.wait_for(|wire| *wire == Wire::Cut) => {}
        _ = async { while both.join_next().await.is_some() {} } => {}
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<Wire>,
) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        if state.wait_for(|wire| *wire != Wire::Stalled).await.is_err() {
            return;
        }
        if *state.borrow() == Wire::Slow {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
