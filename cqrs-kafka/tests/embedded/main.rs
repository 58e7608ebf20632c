//! The adapter on librdkafka's mock cluster, in this process. The package `cqrs-tests` tests the rest on a real broker.

mod consumer;
mod fixture;
mod outage;
mod publisher;
mod source;
mod upcasters;
