//! The adapter against librdkafka's own cluster, in this process. What that cannot show is tested on a real one.

mod consumer;
mod outage;
mod publisher;
mod source;
mod world;
