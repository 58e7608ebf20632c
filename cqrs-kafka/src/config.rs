//! The brokers, the client settings, and the names of topics and groups.

mod alias;

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use cqrs_core::ports::BoxError;
use rdkafka::ClientConfig;

use self::alias::one_name;
use crate::{
    error::KafkaError,
    token::{KafkaToken, TokenSource},
};

/// The address and settings of a Kafka cluster, and the prefix of this application's names there.
///
/// Cheap to clone. Nothing connects until a publisher opens, a group joins or a topic is created.
///
/// ```
/// use std::time::Duration;
///
/// use cqrs_kafka::KafkaConfig;
///
/// let kafka = KafkaConfig::new("broker-1:9092,broker-2:9092")
///     .topic_prefix("shop")
///     .response_timeout(Duration::from_secs(10))
///     .set("security.protocol", "sasl_ssl")
///     .set("sasl.password", "hunter2");
///
/// assert_eq!(kafka.topic("order"), "shop.order");
/// assert_eq!(kafka.progress_topic("relay"), "shop.relay.progress");
/// // A password is never printed.
/// assert!(!format!("{kafka:?}").contains("hunter2"));
/// ```
#[derive(Clone)]
pub struct KafkaConfig {
    brokers: String,
    prefix: String,
    settings: BTreeMap<String, String>,
    allow_plaintext: bool,
    token: Option<TokenSource>,
    pub(crate) response_timeout: Duration,
}

impl KafkaConfig {
    /// The cluster with these brokers: `host:port`, several separated by commas.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: String::new(),
            settings: BTreeMap::new(),
            allow_plaintext: false,
            token: None,
            response_timeout: Duration::from_secs(5),
        }
    }

    /// Begins the name of every topic, group and transactional id with `prefix` and a dot. No prefix by default.
    ///
    /// Give each database its own prefix. A new database that used the topics of an old one would publish its events
    /// after the old ones.
    #[must_use]
    pub fn topic_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Passes a setting to librdkafka, for example `security.protocol`.
    ///
    /// It overrides the defaults of this crate, but not the settings that the guarantees need: `acks`,
    /// `enable.idempotence`, `transactional.id` and `partitioner` of producers; `group.id`, `isolation.level`,
    /// `auto.offset.reset`, `enable.auto.commit` and `enable.auto.offset.store` of consumers; and
    /// `allow.auto.create.topics` and `bootstrap.servers` of both. A setting that has two names counts once: the later call wins.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(one_name(key.into()), value.into());
        self
    }

    /// Permits connections in clear text to brokers that are not on this machine. Anybody on the network can read and change what
    /// goes over them. Without it, such brokers need a `security.protocol` of `ssl` or `sasl_ssl`.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// Asks for a token when a client connects and before the last one expires, for SASL with OAUTHBEARER. The function is called on
    /// a thread that may block, but for short: meanwhile the client does nothing else.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use cqrs_kafka::{KafkaConfig, KafkaToken};
    ///
    /// # fn fetch() -> Result<String, std::io::Error> { Ok("token".to_owned()) }
    /// let kafka = KafkaConfig::new("broker:9093")
    ///     .set("security.protocol", "sasl_ssl")
    ///     .token_from(|| {
    ///         let expires = SystemTime::now() + Duration::from_secs(900);
    ///         Ok::<_, std::io::Error>(KafkaToken::new(fetch()?, "relay", expires))
    ///     });
    /// # drop(kafka);
    /// ```
    #[must_use]
    pub fn token_from<E: Into<BoxError>>(
        mut self,
        ask: impl Fn() -> Result<KafkaToken, E> + Send + Sync + 'static,
    ) -> Self {
        self.token = Some(TokenSource::new(ask));
        self.set("sasl.mechanisms", "OAUTHBEARER")
    }

    /// How long to wait for a response before the brokers count as unreachable. 5 seconds by default.
    #[must_use]
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// The topic that holds the events of a category: `{prefix}.{category}`.
    #[must_use]
    pub fn topic(&self, category: &str) -> String {
        self.name(&[category])
    }

    /// The topic that holds a relay's progress: `{prefix}.{relay}.progress`, with one partition for each shard.
    #[must_use]
    pub fn progress_topic(&self, relay: &str) -> String {
        self.name(&[relay, "progress"])
    }

    /// The brokers, as passed to [`new`](Self::new).
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The prefix. Empty by default.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn token_source(&self) -> Option<TokenSource> {
        self.token.clone()
    }

    /// A setting of the user.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// Whether every connection uses TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        let protocol = self.setting("security.protocol").unwrap_or_default();
        protocol.to_ascii_lowercase().ends_with("ssl")
    }

    /// Each broker as `host:port`.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        let brokers = self.brokers.split(',').map(str::trim);
        brokers.map(|broker| {
            broker
                .split_once("://")
                .map_or(broker, |(_, address)| address)
        })
    }

    /// Rejects clear text to a broker that is not local, unless the user allows it.
    pub(crate) fn check_encryption(&self) -> Result<(), KafkaError> {
        if self.allow_plaintext || self.is_encrypted() {
            return Ok(());
        }
        match self.addresses().find(|address| !is_local(address)) {
            None => Ok(()),
            Some(broker) => Err(KafkaError::PlaintextRefused {
                broker: broker.to_owned(),
            }),
        }
    }

    pub(crate) fn group(&self, name: &str) -> String {
        self.name(&[name])
    }

    /// The name of a shard: its transactional id.
    pub(crate) fn shard(&self, relay: &str, shard: u16) -> String {
        self.name(&[relay, &shard.to_string()])
    }

    fn name(&self, parts: &[&str]) -> String {
        let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let parts: Vec<&str> = prefix.into_iter().chain(parts.iter().copied()).collect();
        parts.join(".")
    }

    /// The settings of a client. The user's settings override the `defaults`, and `fixed` overrides both.
    ///
    /// No client lets a broker create a topic: that one would get the broker's default retention, which loses events.
    pub(crate) fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        let common = [
            ("client.id", "cqrs-kafka"),
            ("reconnect.backoff.ms", "100"),
            ("reconnect.backoff.max.ms", "2000"),
            ("log.connection.close", "false"),
        ];
        for (key, value) in common.iter().chain(defaults) {
            client.set(*key, *value);
        }
        for (key, value) in &self.settings {
            client.set(key, value);
        }
        for (key, value) in fixed {
            client.set(*key, *value);
        }
        client.set("allow.auto.create.topics", "false");
        client.set("bootstrap.servers", &self.brokers);
        client
    }
}

/// Shows the keys of the settings without their values, which may be passwords.
impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("prefix", &self.prefix)
            .field("settings", &self.settings.keys())
            .field("allow_plaintext", &self.allow_plaintext)
            .field("token", &self.token)
            .field("response_timeout", &self.response_timeout)
            .finish()
    }
}

/// Whether `host:port` is on this machine.
fn is_local(address: &str) -> bool {
    let host = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => address,
    };
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Checks that Kafka accepts the name for a topic.
pub(crate) fn check_name(name: &str) -> Result<(), KafkaError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let reason = if name.is_empty() || name.len() > 249 {
        "must have 1 to 249 bytes"
    } else if !name.bytes().all(allowed) {
        "may hold only ASCII letters, digits, `.`, `_` and `-`"
    } else if name == "." || name == ".." {
        "is reserved"
    } else {
        return Ok(());
    };
    Err(KafkaError::InvalidName {
        name: name.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_begins_with_the_prefix() {
        let config = KafkaConfig::new("localhost:9092").topic_prefix("shop");
        assert_eq!(config.topic("order"), "shop.order");
        assert_eq!(config.progress_topic("relay"), "shop.relay.progress");
        assert_eq!(config.shard("relay", 2), "shop.relay.2");
        assert_eq!(KafkaConfig::new("localhost:9092").topic("order"), "order");
    }

    #[test]
    fn settings_override_defaults_but_not_fixed_values() {
        let config = KafkaConfig::new("localhost:9092")
            .set("linger.ms", "3")
            .set("acks", "1")
            .set("request.required.acks", "1")
            .set("metadata.broker.list", "elsewhere:1")
            .set("queue.buffering.max.ms", "7")
            .set("allow.auto.create.topics", "true")
            .set("bootstrap.servers", "elsewhere:1");
        let client = config.client(&[("linger.ms", "0")], &[("acks", "all")]);
        assert_eq!(client.get("linger.ms"), Some("7"));
        assert_eq!(client.get("acks"), Some("all"));
        assert_eq!(client.get("allow.auto.create.topics"), Some("false"));
        assert_eq!(client.get("bootstrap.servers"), Some("localhost:9092"));
        for alias in [
            "request.required.acks",
            "metadata.broker.list",
            "queue.buffering.max.ms",
        ] {
            assert_eq!(client.get(alias), None, "{alias}");
        }
    }

    #[test]
    fn clear_text_does_not_leave_the_machine_unless_allowed() {
        for local in [
            "localhost:9092",
            "127.0.0.1:1,[::1]:2",
            "PLAINTEXT://localhost:1",
        ] {
            KafkaConfig::new(local).check_encryption().expect(local);
        }
        for elsewhere in [
            "broker:9092",
            "localhost:1, 10.0.0.1:2",
            "localhost.example.org:1",
        ] {
            let config = KafkaConfig::new(elsewhere);
            let with = |protocol| config.clone().set("security.protocol", protocol);
            let error = config.check_encryption().expect_err(elsewhere);
            assert!(!error.is_retryable() && error.to_string().contains("security.protocol"));
            with("sasl_plaintext")
                .check_encryption()
                .expect_err(elsewhere);
            with("SASL_SSL").check_encryption().expect(elsewhere);
            config
                .allow_plaintext()
                .check_encryption()
                .expect(elsewhere);
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let config = KafkaConfig::new("localhost:9092").set("sasl.password", "hunter2");
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"));
    }

    #[test]
    fn a_name_that_kafka_rejects_is_rejected_with_a_reason() {
        assert!(check_name("shop.order-1_x").is_ok());
        let error = check_name("shop/order").expect_err("rejected");
        assert_eq!(
            error.to_string(),
            "\"shop/order\" cannot be a name in Kafka: it may hold only ASCII letters, digits, `.`, `_` and `-`"
        );
        assert!(check_name("").is_err() && check_name(&"x".repeat(250)).is_err());
    }
}
