//! A network between a store and its server with injected failures: it goes silent, in one direction or both, or breaks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cqrs_postgres::PgConfig;
use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::support::{url, with_parameter};

/// The state of the network. Bytes that it holds back are delivered when it opens again, as in a real network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Open,
    /// Nothing passes in either direction, without an error.
    Silent,
    /// Requests arrive, replies do not.
    Mute,
    /// New connections are rejected.
    Down,
}

/// The network of one store.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    traffic: Arc<Traffic>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    network: Network,
    /// This many connections, from the first on, stay silent.
    stranded: u64,
    /// This many connections, from the first on, are broken.
    cut: u64,
    /// The sessions of new connections can only read.
    read_only: bool,
}

/// Counts of what passed from the client to the server.
#[derive(Debug, Default)]
struct Traffic {
    connections: AtomicU64,
    statements: AtomicU64,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let options: PgConnectOptions = url().parse().expect("DATABASE_URL is a URL");
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("is bound").port();
        let (state, states) = watch::channel(State {
            network: Network::Open,
            stranded: 0,
            cut: 0,
            read_only: false,
        });
        let traffic = Arc::new(Traffic::default());
        let accepting = accept(listener, server, states, Arc::clone(&traffic));
        tokio::spawn(accepting);
        Self {
            port,
            state,
            traffic,
        }
    }

    /// The settings of the same store through this network.
    pub(crate) fn config(&self, schema: &str) -> PgConfig {
        let server = format!("host=127.0.0.1&port={}", self.port);
        PgConfig::new(with_parameter(&server)).schema(schema)
    }

    pub(crate) fn set(&self, network: Network) {
        self.state.send_modify(|state| state.network = network);
    }

    /// Breaks all open connections.
    pub(crate) fn cut(&self) {
        let made = self.connections();
        self.state.send_modify(|state| state.cut = made);
    }

    /// Makes all open connections silent for good.
    pub(crate) fn strand(&self) {
        let made = self.connections();
        self.state.send_modify(|state| state.stranded = made);
    }

    /// Whether new connections lead to a server that can only read.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.state.send_modify(|state| state.read_only = read_only);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.traffic.connections.load(Ordering::SeqCst)
    }

    /// The number of statements so far.
    pub(crate) fn statements(&self) -> u64 {
        self.traffic.statements.load(Ordering::SeqCst)
    }
}

async fn accept(
    listener: TcpListener,
    server: (String, u16),
    states: watch::Receiver<State>,
    traffic: Arc<Traffic>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if states.borrow().network == Network::Down {
            continue;
        }
        let number = traffic.connections.fetch_add(1, Ordering::SeqCst);
        let (server, states, traffic) = (server.clone(), states.clone(), Arc::clone(&traffic));
        tokio::spawn(async move {
            let server = TcpStream::connect(server).await.expect("connects");
            let mut cuts = states.clone();
            tokio::select! {
                // A broken connection delivers nothing, even if the network opens again at once.
                biased;
                // Otherwise the test has ended.
                _ = cuts.wait_for(|state| number < state.cut) => {}
                () = join(client, server, number, states, traffic) => {}
            }
        });
    }
}

async fn join(
    mut client: TcpStream,
    mut server: TcpStream,
    number: u64,
    states: watch::Receiver<State>,
    traffic: Arc<Traffic>,
) {
    let read_only = states.borrow().read_only;
    if read_only && begin_read_only(&mut client, &mut server).await.is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let questions = Direction {
        from: from_client,
        to: to_server,
        number,
        states: states.clone(),
        passes: |network| matches!(network, Network::Open | Network::Mute),
    };
    let answers = Direction {
        from: from_server,
        to: to_client,
        number,
        states,
        passes: |network| network == Network::Open,
    };
    let mut counter = Counter {
        traffic,
        begun: read_only,
        unread: Vec::new(),
    };
    tokio::join!(
        questions.forward(|bytes| counter.read(bytes)),
        answers.forward(|_| ())
    );
}

/// Adds a setting to the message that begins a session, and rejects encryption.
async fn begin_read_only(client: &mut TcpStream, server: &mut TcpStream) -> std::io::Result<()> {
    loop {
        let length = client.read_u32().await?;
        let mut message = vec![0; length as usize - 4];
        client.read_exact(&mut message).await?;
        if number(&message, 0) != Some(SESSION) {
            client.write_all(b"N").await?;
            continue;
        }
        // The list of settings ends with a zero.
        message.pop();
        message.extend_from_slice(b"default_transaction_read_only\0on\0\0");
        server
            .write_u32(u32::try_from(message.len()).expect("short") + 4)
            .await?;
        return server.write_all(&message).await;
    }
}

/// The version of the protocol.
const SESSION: u32 = 3 << 16;

/// One half of a connection.
struct Direction {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    number: u64,
    states: watch::Receiver<State>,
    passes: fn(Network) -> bool,
}

impl Direction {
    /// Copies until the end of the input, which arrives after all earlier bytes.
    async fn forward(mut self, mut look: impl FnMut(&[u8])) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = self.from.read(&mut buffer).await.unwrap_or_default();
            let passes =
                |state: &State| self.number >= state.stranded && (self.passes)(state.network);
            if self.states.wait_for(passes).await.is_err() || count == 0 {
                return;
            }
            look(&buffer[..count]);
            if self.to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    }
}

/// Counts statements in what a client sends.
/// Format: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
struct Counter {
    traffic: Arc<Traffic>,
    /// The first messages, up to the start of the session, have no type.
    begun: bool,
    unread: Vec<u8>,
}

impl Counter {
    fn read(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        loop {
            let kind = usize::from(self.begun);
            let Some(length) = number(&self.unread, kind) else {
                return;
            };
            let end = kind + length as usize;
            if self.unread.len() < end {
                return;
            }
            match self.begun {
                true if matches!(self.unread[0], b'E' | b'Q') => {
                    self.traffic.statements.fetch_add(1, Ordering::SeqCst);
                }
                true => {}
                false => self.begun = number(&self.unread, 4) == Some(SESSION),
            }
            self.unread.drain(..end);
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().expect("four")))
}
