//! Tests across the crates, on real PostgreSQL and Apache Kafka: processes are killed or paused, and every event is
//! seen once and in order. Other tests check the documentation.

mod broker_down;
mod consumer_killed;
mod contention;
mod decoders;
mod error_chains;
mod errors;
mod failures;
mod guide;
mod invariants;
mod leases_killed;
mod links;
mod memory_bounds;
mod old_events;
mod readme;
mod relay_fenced;
mod relay_killed;
mod relay_progress;
mod runner_killed;
mod secrets;
mod secure_kafka;
mod secure_postgres;
mod service;
mod shapes;
mod shared_group;
mod standby;
mod stop_while_reading;
mod support;
mod telemetry;
mod topic_contents;
mod wire;
