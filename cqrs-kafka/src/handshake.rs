//! Looks at the listener of a broker, for what librdkafka does not pass on: with OpenSSL at its TLS, or in clear text.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

#[cfg(feature = "tls")]
pub(crate) use self::with_openssl::{certificate_fault, speaks_tls};

#[cfg(not(feature = "tls"))]
pub(crate) fn certificate_fault(_: &str, _: Option<&str>) -> Option<&'static str> {
    None
}

#[cfg(not(feature = "tls"))]
pub(crate) fn speaks_tls(_: &str) -> bool {
    false
}

/// How long to wait for a broker that is slow.
const LIMIT: Duration = Duration::from_secs(5);

/// The request for the versions of a broker, which every listener without TLS answers, also before a login: its length, API
/// key 18, version 0, correlation id, no client id (<https://kafka.apache.org/protocol#protocol_messages>).
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, b'c', b'q', b'r', b's', 0xff, 0xff];

/// Whether a Kafka broker without TLS listens at `host:port`: whether it answers in clear text.
pub(crate) fn speaks_clear_text(address: &str) -> bool {
    let answer = || {
        let mut stream = connect(address)?;
        stream.write_all(&API_VERSIONS).ok()?;
        let mut length_and_correlation_id = [0; 8];
        stream.read_exact(&mut length_and_correlation_id).ok()?;
        Some(length_and_correlation_id)
    };
    answer().is_some_and(|answer| answer[4..] == API_VERSIONS[8..12])
}

fn connect(address: &str) -> Option<TcpStream> {
    let mut addresses = address.to_socket_addrs().ok()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok())?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    Some(stream)
}

#[cfg(feature = "tls")]
mod with_openssl {
    use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslVerifyMode};

    use super::connect;

    /// What is wrong with the certificate of the server at `host:port`, for a client that trusts this file.
    pub(crate) fn certificate_fault(
        address: &str,
        authority: Option<&str>,
    ) -> Option<&'static str> {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).ok()?;
        if let Some(authority) = authority {
            connector.set_ca_file(authority).ok()?;
        }
        let (host, _) = address.rsplit_once(':')?;
        match connector.build().connect(host, connect(address)?) {
            Err(HandshakeError::Failure(handshake)) => {
                Some(handshake.ssl().verify_result().error_string())
            }
            _ => None,
        }
    }

    /// Whether a server with TLS listens at `host:port`.
    pub(crate) fn speaks_tls(address: &str) -> bool {
        let Ok(mut connector) = SslConnector::builder(SslMethod::tls_client()) else {
            return false;
        };
        // Nothing is sent over this connection, so it does not matter who answers.
        connector.set_verify(SslVerifyMode::NONE);
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        connect(address).is_some_and(|stream| connector.build().connect(host, stream).is_ok())
    }
}
