//! Which connections are encrypted. Clear text does not leave the machine, unless the user allows it.

use std::net::IpAddr;

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Demands a verified certificate of a server that is not local, unless the user has chosen a mode. Rejects a mode that would
/// send clear text over a network.
pub(crate) fn encrypted(
    options: PgConnectOptions,
    mode_is_given: bool,
    allow_plaintext: bool,
) -> Result<PgConnectOptions, StoreError> {
    let free = allow_plaintext || is_local(&options);
    let options = if free || mode_is_given || cfg!(not(feature = "tls")) {
        options
    } else {
        options.ssl_mode(PgSslMode::VerifyFull)
    };
    let host = options.get_host();
    match (demands_tls(&options), cfg!(feature = "tls")) {
        (true, false) => Err(misconfigured(format!(
            "the database URL demands TLS for {host}, but cqrs-postgres was built without it; enable its feature `tls`"
        ))),
        (false, false) if !free => Err(misconfigured(format!(
            "{host} is not local, and cqrs-postgres was built without TLS; enable its feature `tls`, or call \
             PgConfig::allow_plaintext if nobody else can read or change what goes over this network"
        ))),
        (false, true) if !free => Err(misconfigured(format!(
            "{host} is not local, and this sslmode does not demand TLS; write sslmode=verify-full, or call \
             PgConfig::allow_plaintext if nobody else can read or change what goes over this network"
        ))),
        _ => Ok(options),
    }
}

/// Whether a connection is made only over TLS.
fn demands_tls(options: &PgConnectOptions) -> bool {
    matches!(
        options.get_ssl_mode(),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
    )
}

/// A Unix socket, or the loopback address.
pub(crate) fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let loopback = || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_socket(options) || host == "localhost" || loopback()
}

pub(crate) fn is_socket(options: &PgConnectOptions) -> bool {
    options.get_socket().is_some() || options.get_host().starts_with('/')
}

fn misconfigured(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Misconfigured, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(host: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(host)
            .ssl_mode(PgSslMode::Prefer)
    }

    #[test]
    fn the_default_on_this_machine_is_left_as_it_is() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "/var/run/postgresql",
        ] {
            let options = encrypted(options(host), false, false).expect(host);
            assert!(
                matches!(options.get_ssl_mode(), PgSslMode::Prefer),
                "{host}"
            );
        }
    }

    #[test]
    fn clear_text_does_not_leave_the_machine_unless_allowed() {
        for mode in [PgSslMode::Disable, PgSslMode::Allow, PgSslMode::Prefer] {
            let options = options("db.example.org").ssl_mode(mode);
            let error = encrypted(options.clone(), true, false).expect_err("refused");
            assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
            assert!(
                error.to_string().contains("PgConfig::allow_plaintext"),
                "{error}"
            );
            encrypted(options, true, true).expect("allowed");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_server_elsewhere_must_show_a_certificate_with_its_name() {
        let options = encrypted(options("db.example.org"), false, false).expect("encrypted");
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    }
}
