//! Why a connection could not be made. What only the user can change is final and names the cause; the rest may pass.

use std::io;

use cqrs_core::{StoreError, StoreErrorKind, ports::BoxError};
use sqlx::{Error, postgres::PgConnectOptions};

use crate::{connect::encryption::is_socket, error::statement};

pub(crate) fn not_connected(options: &PgConnectOptions, error: Error) -> StoreError {
    let cause = match &error {
        Error::Io(error) => io_cause(options, error),
        Error::Tls(_) => Some("TLS is not possible; the server must offer it (`ssl = on`), and the certificates must be valid".to_owned()),
        Error::Database(database) => server_cause(
            options,
            database.code().as_deref().unwrap_or_default(),
            database.message(),
        ),
        _ => None,
    };
    match (cause, error) {
        (Some(cause), error) => {
            let message = format!("PostgreSQL at {} cannot be used: {cause}", address(options));
            StoreError::new(StoreErrorKind::Misconfigured, message).caused_by(error)
        }
        (None, Error::Io(error)) => unreachable(options, error),
        (None, error) => statement(error),
    }
}

pub(crate) fn unreachable(options: &PgConnectOptions, why: impl Into<BoxError>) -> StoreError {
    let message = format!(
        "PostgreSQL at {} cannot be reached; is it up, and is the address right?",
        address(options)
    );
    StoreError::new(StoreErrorKind::Unavailable, message).caused_by(why)
}

fn address(options: &PgConnectOptions) -> String {
    format!("{}:{}", options.get_host(), options.get_port())
}

/// The handshake failed, or a file of the URL could not be read. Over TCP no other error says that something is not there.
fn io_cause(options: &PgConnectOptions, error: &io::Error) -> Option<String> {
    use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
    if !is_socket(options) && matches!(error.kind(), NotFound | PermissionDenied | IsADirectory) {
        let cause = "a file of the database URL (sslrootcert, sslcert or sslkey) cannot be read; correct its path or its rights";
        return Some(cause.to_owned());
    }
    handshake_cause(options, error)
}

#[cfg(feature = "tls")]
fn handshake_cause(options: &PgConnectOptions, error: &io::Error) -> Option<String> {
    use rustls::{
        AlertDescription as Alert, CertificateError as Certificate,
        Error::{AlertReceived, InvalidCertificate},
    };
    let host = options.get_host();
    Some(match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired; renew it, or correct the clock of this machine".to_owned()
        }
        InvalidCertificate(Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }) => format!(
            "its certificate is for another host name than {host}; use the name in the certificate"
        ),
        InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            "its certificate is not signed by a trusted authority; name the file of the authority as sslrootcert".to_owned()
        }
        InvalidCertificate(_) => "its certificate is not valid".to_owned(),
        AlertReceived(
            Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate,
        ) => "it does not accept the certificate of the client; correct sslcert and sslkey in the database URL".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    })
}

#[cfg(not(feature = "tls"))]
fn handshake_cause(_: &PgConnectOptions, _: &io::Error) -> Option<String> {
    None
}

/// The answer of the server, or of a pooler before it, to the first message. PgBouncer has one code for all that it rejects,
/// also for what passes, so its text decides.
fn server_cause(options: &PgConnectOptions, code: &str, message: &str) -> Option<String> {
    let (user, mode) = (options.get_username(), options.get_ssl_mode());
    match code {
        "28P01" => Some(format!(
            "it rejects the password of role {user:?}; correct the password"
        )),
        _ if code.starts_with("28") => Some(format!(
            "it rejects role {user:?} with sslmode {mode:?}; it may demand TLS, a certificate of the client, or a rule in \
             pg_hba.conf, as it says below"
        )),
        "08P01" if message.starts_with("unsupported startup parameter") => Some(
            "a pooler rejects a setting that the store needs; connect to the server itself, or through a pooler in session \
             mode that passes `options` on"
                .to_owned(),
        ),
        "08P01" if message.starts_with("no such") => {
            Some("a pooler does not know this user or database; correct the URL or the pooler".to_owned())
        }
        _ => None,
    }
}
