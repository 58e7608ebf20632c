//! Looks at the TLS of a broker with OpenSSL, for what librdkafka does not pass on.

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

#[cfg(feature = "tls")]
mod with_openssl {
    use std::{
        net::{TcpStream, ToSocketAddrs},
        time::Duration,
    };

    use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslVerifyMode};

    /// How long to wait for a broker that is slow.
    const LIMIT: Duration = Duration::from_secs(5);

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

    fn connect(address: &str) -> Option<TcpStream> {
        let mut addresses = address.to_socket_addrs().ok()?;
        let stream =
            addresses.find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok())?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        Some(stream)
    }
}
