//! Kafka for `cqrs-core`: an exactly-once relay, a consumer group as a source, CloudEvents on the wire.
//!
//! | I want to | Use |
//! | --- | --- |
//! | say where Kafka is | [`KafkaConfig`] |
//! | create the topics | [`KafkaTopics`] |
//! | publish a store's events, once and in order | [`KafkaPublisher`] in a [`Relay`](cqrs_core::Relay) |
//! | run a view or reactor over topics | [`KafkaGroup`], which joins as a [`KafkaSource`] for a [`Runner`](cqrs_core::Runner) |
//! | know what is in a record | [`wire`] |
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
//! Relay::new("relay", store, KafkaPublisher::new(kafka)).run(stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - **Into Kafka**: a consumer that reads `read_committed` sees every event once, those of a stream in order, whatever
//!   is killed. One that reads `read_uncommitted` (the default of most clients but librdkafka's) sees repeats. A topic
//!   whose number of partitions changes loses the order of streams across the change.
//! - **Out of Kafka**: effects and offset commit in one transaction of the store, so every event takes effect once.
//! - Not covered: unclean leader elections, and mirrored clusters after a fail-over.
//!
//! librdkafka does the talking. Its log lines become `tracing` events with the target `librdkafka`; its other abilities
//! (TLS, SASL, zstd) are cargo features of the `rdkafka` crate, to be enabled in your own manifest.

mod config;
mod connection;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod publisher;
mod source;
mod topics;
pub mod wire;

#[cfg(feature = "embedded")]
pub use self::embedded::EmbeddedKafka;
pub use self::{
    config::KafkaConfig,
    error::KafkaError,
    publisher::{KafkaPublisher, KafkaSession},
    source::{KafkaGroup, KafkaReader, KafkaSource},
    topics::KafkaTopics,
};
