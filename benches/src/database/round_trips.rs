//! A proxy between a client and its server that counts how often the client sends something and waits.

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

/// A `Sync` message alone. sqlx's pool sends it when a connection is returned, and nobody waits for the answer.
const PING: &[u8] = b"S\0\0\0\x04";

/// The round trips of all connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoundTrips {
    all: Arc<AtomicU64>,
    pings: Arc<AtomicU64>,
}

/// How many round trips there were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TripCounts {
    /// Those that a caller waited for.
    pub(crate) waited_for: u64,
    /// The pings of the pool.
    pub(crate) pings: u64,
}

impl RoundTrips {
    /// The counts so far.
    pub(crate) fn count(&self) -> TripCounts {
        let pings = self.pings.load(Ordering::SeqCst);
        TripCounts {
            waited_for: self.all.load(Ordering::SeqCst) - pings,
            pings,
        }
    }

    /// Listens on a port and forwards to `server` until the program ends.
    pub(super) async fn in_front_of(server: (String, u16)) -> io::Result<(u16, Self)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let trips = Self::default();
        let counted = trips.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(counted.clone().forward(client, server.clone()));
            }
        });
        Ok((port, trips))
    }

    /// Forwards one connection. A round trip begins with the client's first message, and with its first one after an answer.
    /// Several packets in one direction are one message.
    async fn forward(self, client: TcpStream, server: (String, u16)) -> io::Result<()> {
        let server = TcpStream::connect(server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let answered = AtomicBool::new(true);
        let requests = copy(from_client, to_server, |sent| {
            if answered.swap(false, Ordering::SeqCst) {
                self.all.fetch_add(1, Ordering::SeqCst);
                let pings = u64::from(sent == PING);
                self.pings.fetch_add(pings, Ordering::SeqCst);
            }
        });
        // This is set before the answer is forwarded, so the client cannot have read it yet.
        let answers = copy(from_server, to_client, |_| {
            answered.store(true, Ordering::SeqCst);
        });
        tokio::try_join!(requests, answers).map(|_| ())
    }
}

/// Copies bytes, and shows each piece to `observe` first.
async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    observe: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut bytes = vec![0; 1 << 16];
    loop {
        match from.read(&mut bytes).await? {
            0 => return to.shutdown().await,
            read => {
                let bytes = &bytes[..read];
                observe(bytes);
                to.write_all(bytes).await?;
            }
        }
    }
}
