//! How the consumer is set up.

use rdkafka::ClientConfig;

use super::KafkaGroup;

pub(super) fn client(options: &KafkaGroup) -> ClientConfig {
    let session = options.session_timeout.as_millis().to_string();
    let heartbeat = (options.session_timeout.as_millis() / 5)
        .clamp(100, 3_000)
        .to_string();
    let defaults = [
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", session.as_str()),
        ("heartbeat.interval.ms", heartbeat.as_str()),
        // What is fetched ahead of our own buffers is lost at every pause, so it is little, and soon fetched again.
        ("queued.max.messages.kbytes", "8192"),
        ("fetch.queue.backoff.ms", "10"),
    ];
    let hold = [
        ("group.id", options.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("isolation.level", "read_committed"),
        // Anything else would skip silently.
        ("auto.offset.reset", "error"),
    ];
    let mut config = options.config.client(&defaults, &hold);
    if let Some(instance_id) = &options.instance_id {
        config.set("group.instance.id", instance_id);
    }
    config
}
