//! Why a broker and this client do not come together: what only the user can change is final and names the cause.

use cqrs_core::ports::BoxError;
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::{
    config::KafkaConfig,
    error::KafkaError,
    handshake::{certificate_fault, speaks_clear_text, speaks_tls},
    logging::ReportedError,
};

/// The error for a connection that fails at every attempt, after the client has waited for it; `None` if another attempt may
/// succeed.
pub(crate) fn refused(
    config: &KafkaConfig,
    reported: Option<&ReportedError>,
) -> Option<KafkaError> {
    // Such a listener closes a connection in clear text without a word.
    if !config.is_encrypted() && config.addresses().any(speaks_tls) {
        let advice = "this listener accepts only TLS; set security.protocol to ssl or sasl_ssl";
        return Some(tls_failed(
            config,
            advice,
            "a connection in clear text was closed",
        ));
    }
    // And this one closes an encrypted connection, which a broker that shuts down does as well.
    if config.is_encrypted() && config.addresses().any(speaks_clear_text) {
        let advice =
            "the listener of the broker has no TLS; correct its port, or security.protocol";
        return Some(tls_failed(
            config,
            advice,
            "the broker answered in clear text",
        ));
    }
    let reported = reported?;
    let is_login = matches!(
        reported.code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
    );
    if is_login {
        return Some(KafkaError::LoginFailed {
            brokers: config.brokers().to_owned(),
            source: reported.clone().into(),
        });
    }
    let advice = advice(reported)?;
    Some(match found_by_openssl(config, reported) {
        Some(found) => tls_failed(config, advice, found),
        None => tls_failed(config, advice, reported.clone()),
    })
}

fn tls_failed(
    config: &KafkaConfig,
    advice: &'static str,
    source: impl Into<BoxError>,
) -> KafkaError {
    KafkaError::TlsFailed {
        brokers: config.brokers().to_owned(),
        advice,
        source: source.into(),
    }
}

/// librdkafka has one code for all failures of a handshake, and for some none, so its text decides.
fn advice(reported: &ReportedError) -> Option<&'static str> {
    let says = |text| reported.reason.contains(text);
    if says("certificate verify failed") {
        Some("the certificate of the broker is not accepted; correct it, or ssl.ca.location")
    } else if says("SSL alert number") {
        Some(
            "the broker does not accept the certificate of this client; correct ssl.certificate.location and \
             ssl.key.location",
        )
    } else if reported.code == Code::SSL {
        Some("the handshake did not succeed; correct the ssl settings of the KafkaConfig")
    } else {
        None
    }
}

/// What is wrong with the certificate of the broker that is named at the beginning of the text, `ssl://host:port/..`.
fn found_by_openssl(config: &KafkaConfig, reported: &ReportedError) -> Option<String> {
    let (_, broker) = reported.reason.split_once("://")?;
    let address = broker.split('/').next()?;
    let found = certificate_fault(address, config.setting("ssl.ca.location"))?;
    Some(format!("{address}: {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_down_may_come_back() {
        let reported = ReportedError {
            code: Code::BrokerTransportFailure,
            reason: "127.0.0.1:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused"
                .to_owned(),
        };
        assert!(refused(&KafkaConfig::new("127.0.0.1:1"), Some(&reported)).is_none());
        assert!(refused(&KafkaConfig::new("127.0.0.1:1"), None).is_none());
    }

    /// A broker that shuts down does so.
    #[test]
    fn a_listener_that_closes_an_encrypted_connection_may_come_back() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has one").to_string();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let config = KafkaConfig::new(&address).set("security.protocol", "ssl");
        let reported = ReportedError {
            code: Code::BrokerTransportFailure,
            reason: format!(
                "ssl://{address}/bootstrap: Disconnected: SSL connection closed by peer (after 1ms in state SSL_HANDSHAKE)"
            ),
        };
        assert!(refused(&config, Some(&reported)).is_none());
    }
}
