//! Stands between a client and its server and counts how often the client asks and waits.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A bare `Sync` message: sqlx's pool sends it when a connection is given back, and nobody waits for the answer.
const PING: &[u8] = b"S\0\0\0\x04";

/// Round trips over all connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trips {
    all: Arc<AtomicU64>,
    pings: Arc<AtomicU64>,
}

impl Trips {
    /// Those so far that somebody waited for, and the pool's pings.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let pings = self.pings.load(Ordering::SeqCst);
        (self.all.load(Ordering::SeqCst) - pings, pings)
    }

    /// A port that leads to `server` as long as the program runs.
    pub(super) async fn on_the_way_to(server: (String, u16)) -> io::Result<(u16, Self)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, trips) = (listener.local_addr()?.port(), Self::default());
        let counted = trips.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(counted.clone().carry(client, server.clone()));
            }
        });
        Ok((port, trips))
    }

    /// A trip begins when the client speaks first or after an answer. What it says in pieces is one, and so is an answer.
    async fn carry(self, client: TcpStream, server: (String, u16)) -> io::Result<()> {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let answered = AtomicBool::new(true);
        let asks = pass(from_client, to_server, |said| {
            if answered.swap(false, Ordering::SeqCst) {
                self.all.fetch_add(1, Ordering::SeqCst);
                let pings = u64::from(said == PING);
                self.pings.fetch_add(pings, Ordering::SeqCst);
            }
        });
        // Marked before it is passed on: the client cannot have read it yet.
        let answers = pass(from_server, to_client, |_| {
            answered.store(true, Ordering::SeqCst);
        });
        tokio::try_join!(asks, answers).map(|_| ())
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    came: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        match from.read(&mut bytes).await? {
            0 => return to.shutdown().await,
            read => {
                let bytes = &bytes[..read];
                came(bytes);
                to.write_all(bytes).await?;
            }
        }
    }
}
