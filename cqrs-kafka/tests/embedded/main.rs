//! The adapter on librdkafka's mock cluster, in this process. What the mock does not do is tested on a real broker.

mod consumer;
mod fixture;
mod outage;
mod publisher;
mod source;
