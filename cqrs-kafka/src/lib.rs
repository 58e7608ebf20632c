//! Kafka for `cqrs-core`: an exactly-once relay, a consumer group as a source, and CloudEvents on the wire.
//!
//! | I want to | Use |
//! | --- | --- |
//! | set the brokers and settings | [`KafkaConfig`] |
//! | create the topics | [`KafkaTopics`] |
//! | publish a store's events, once and in order | [`KafkaPublisher`] in a [`Relay`](cqrs_core::Relay) |
//! | run a view or reactor over topics | [`KafkaGroup`], which joins as a [`KafkaSource`] for a [`Runner`](cqrs_core::Runner) |
//! | publish what a runner cannot handle, in Spring's form | [`KafkaDeadLetters`] |
//! | know what a record contains | [`wire`] |
//! | try it without a broker | `EmbeddedKafka` (feature `embedded`) |
//!
//! ```no_run
//! use cqrs_core::{MemoryEventStore, Relay};
//! use cqrs_kafka::{KafkaConfig, KafkaPublisher, KafkaTopics};
//!
//! # async fn relay(stop: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
//! let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
//! let topics = KafkaTopics::new(&kafka);
//! topics.create_for_categories(["order", "stock"]).await?;
//! topics.create_for_relay("relay", 1).await?;
//!
//! let store = MemoryEventStore::default();
//! Relay::new(&store, "relay", KafkaPublisher::new(&kafka)).run(stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! How to [relay to Kafka](cqrs_core::guide::relay_to_kafka) and [consume from it](cqrs_core::guide::consume_from_kafka).
//!
//! # Guarantees
//!
//! - **Into Kafka**: a consumer that reads `read_committed` gets every event once, and the events of a stream in order,
//!   whichever process is killed. A consumer that reads `read_uncommitted` (the default of most clients, but not of
//!   librdkafka) gets some events more than once. Do not change the number of partitions of a topic: events of a
//!   stream would lose their order.
//! - **Out of Kafka**: effects and offset commit in one transaction of the store, so every event takes effect once.
//! - Unclean leader elections and fail-overs to a mirrored cluster are not covered.
//!
//! librdkafka is the client. Its log lines become `tracing` events with the target `librdkafka`.
//!
//! # Features
//!
//! | Feature | Default | What it adds |
//! | --- | --- | --- |
//! | `tls` | yes | TLS, and SASL with PLAIN, SCRAM and OAUTHBEARER, by the OpenSSL of the system |
//! | `libz` | yes | batches compressed with gzip |
//! | `zstd` | yes | batches compressed with zstd |
//! | `tls-vendored` | no | `tls` with an OpenSSL that is compiled into the program, which takes minutes |
//! | `embedded` | no | a Kafka cluster inside the process, for first runs and tests |

mod blocking;
mod cluster;
mod config;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod group;
mod handshake;
mod logging;
mod partition_reader;
mod publisher;
mod refusal;
mod source;
mod token;
mod topic_settings;
mod topics;
mod transient;
pub mod wire;

#[cfg(feature = "embedded")]
pub use self::embedded::EmbeddedKafka;
pub use self::{
    config::KafkaConfig,
    error::KafkaError,
    group::KafkaGroup,
    publisher::{KafkaDeadLetters, KafkaPublisher, KafkaSession},
    source::{KafkaReader, KafkaSource},
    token::KafkaToken,
    topics::KafkaTopics,
};
