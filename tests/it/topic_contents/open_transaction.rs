//! The open transaction of another producer hides what is behind it. The source says so, and goes on when it ends.

use rdkafka::producer::BaseProducer;

use super::{
    skipped::{Place, Texts, note},
    *,
};

/// A producer with an open transaction that has written one record.
fn open_transaction(config: &KafkaConfig, topic: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", config.brokers())
        .set("transactional.id", topic)
        .set("transaction.timeout.ms", "300000")
        .create()
        .expect("valid settings");
    producer.init_transactions(MAX_WAIT).expect("initializes");
    producer.begin_transaction().expect("begins");
    let record = BaseRecord::<str, [u8]>::to(topic).payload(b"never seen");
    let sent = producer.send(record).map_err(|(error, _)| error);
    sent.expect("there is room");
    producer.flush(MAX_WAIT).expect("delivers");
    producer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_that_hides_records_is_reported_until_it_ends() {
    let place = Place::new().await;
    place.send(Sent::Plainly, vec![note("a")]).await;
    let (config, topic) = (place.config.clone(), place.topic());
    let opened = tokio::task::spawn_blocking(move || open_transaction(&config, &topic));
    let producer = opened.await.expect("opens");
    place.send(Sent::Plainly, vec![note("b"), note("c")]).await;

    let group = KafkaGroup::new(&place.config, "texts").categories(["note"]);
    let source = group.source();
    let progress = source.progress();
    let runner = Runner::over(&place.store, Texts(Arc::new(|_| {})), source).expect("a view");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    eventually("the open transaction is reported", async || {
        progress.last_error().is_some_and(|error| {
            error.contains(&format!("{}/0", place.topic()))
                && error.contains("at offset 1 has been open for")
                && error.contains("everything up to offset 4")
        })
    })
    .await;
    assert_eq!(place.texts().await, ["a"]);

    let aborted = tokio::task::spawn_blocking(move || producer.abort_transaction(MAX_WAIT));
    aborted.await.expect("no panic").expect("aborts");
    eventually("the source goes on", async || {
        place.texts().await == ["a", "b", "c"]
    })
    .await;
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("stops");
}
