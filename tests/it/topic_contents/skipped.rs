//! Records that stop a runner are skipped, as the page says: each error names the record and the call.

use cqrs_core::read::{ErrorAction, SkipError};
use cqrs_kafka::KafkaSource;
use cqrs_postgres::PgEventStore;
use tokio::sync::Notify;

use super::*;

/// What the view is to do with the text of a note.
pub(super) type Task = Arc<dyn Fn(&str) + Send + Sync>;

/// Keeps the texts that it has handled, in order.
pub(super) struct Texts(pub(super) Task);

impl View for Texts {
    const NAME: &'static str = "texts";
    type Events = NoteEvent;
    type Document = Vec<String>;

    fn keys(&self, _: &Envelope<NoteEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(
        &self,
        _: &str,
        texts: Option<Vec<String>>,
        event: &Envelope<NoteEvent>,
    ) -> Option<Vec<String>> {
        let mut texts = texts.unwrap_or_default();
        if let NoteEvent::Written { text } = &event.event {
            (self.0)(text);
            texts.push(text.clone());
        }
        Some(texts)
    }
}

pub(super) fn note(text: &str) -> Record {
    let value = format!(r#"{{"text":"{text}"}}"#);
    foreign().value(Some(value.as_bytes()))
}

/// A topic with one partition, and a store.
pub(super) struct Place {
    pub(super) config: KafkaConfig,
    schema: String,
    pub(super) store: PgEventStore,
}

impl Place {
    pub(super) async fn new() -> Self {
        let schema = fresh_name();
        let config = kafka(&schema);
        let topics = KafkaTopics::new(&config).partitions(1);
        topics
            .create_for_categories(["note"])
            .await
            .expect("creates");
        let store = servers::store(&schema).await;
        Self {
            config,
            schema,
            store,
        }
    }

    pub(super) async fn send(&self, sent: Sent, records: Vec<Record>) {
        send(&self.config, &self.topic(), sent, records).await;
    }

    pub(super) fn topic(&self) -> String {
        self.config.topic("note")
    }

    pub(super) fn runner(
        &self,
        task: Task,
    ) -> Runner<PgEventStore, impl cqrs_core::read::Handler<PgEventStore>, KafkaSource> {
        self.parking_runner(task).on_failure(|_| ErrorAction::Stop)
    }

    /// A runner that parks what it cannot handle.
    pub(super) fn parking_runner(
        &self,
        task: Task,
    ) -> Runner<PgEventStore, impl cqrs_core::read::Handler<PgEventStore>, KafkaSource> {
        let group = KafkaGroup::new(&self.config, "texts").categories(["note"]);
        let runner = Runner::over(&self.store, Texts(task), group.source());
        runner.expect("a view")
    }

    pub(super) async fn catch_up(&self, task: Task) -> Result<(), RunnerError> {
        self.runner(task).catch_up().await
    }

    async fn skip(&self, offset: u64) -> Result<cqrs_core::ports::Discarded, SkipError> {
        let runner = self.runner(Arc::new(|_| {}));
        let offset = Offset::new(offset);
        runner
            .skip_record(&self.topic(), 0, offset, "test of March")
            .await
    }

    pub(super) async fn texts(&self) -> Vec<String> {
        let texts = ReadModel::<Texts, _>::new(&self.store);
        texts.get("all").await.expect("reads").unwrap_or_default()
    }

    pub(super) async fn operations(&self) -> Vec<(String, i64)> {
        let sql = format!(
            "select reason, (arguments->>'offset')::bigint from {}.operations where verb = 'discard' order by id",
            self.schema
        );
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(self.store.pool());
        rows.await.expect("reads")
    }
}

/// Panics at this text.
fn panics_at(bad: &'static str) -> Task {
    Arc::new(move |text| assert_ne!(text, bad, "planted"))
}

/// A malformed record, an event that cannot be decoded and one that the role cannot handle, between the ends of transactions.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_stop_a_runner_are_skipped_by_what_the_error_names() {
    let place = Place::new().await;
    let plain = Sent::Plainly;
    let committed = Sent::InTransaction { committed: true };
    let binary = note("binary").with("ce_specversion", [0xff, 0]);
    let unknown = note("unknown").with("ce_type", "Shredded");
    place.send(plain, vec![note("a"), Record::default()]).await;
    place.send(committed, vec![note("b")]).await;
    place.send(plain, vec![binary, unknown, note("c")]).await;
    place
        .send(plain, vec![note("poison"), note("d"), note("e")])
        .await;

    let mut skipped = Vec::new();
    while let Err(error) = place.catch_up(panics_at("poison")).await {
        let text = chain(&error).to_string();
        assert!(text.contains("`Runner::skip_record`"), "{text}");
        assert!(text.contains(&place.topic()), "{text}");
        let (_, rest) = text.split_once("offset ").expect("an offset");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let offset = digits.parse().expect("a number");
        let error = place.skip(offset + 1).await.expect_err("refused");
        assert!(matches!(error, SkipError::NotNextRecord { .. }), "{error}");
        skipped.push(place.skip(offset).await.expect("skips"));
        let error = place.skip(offset).await.expect_err("refused");
        assert!(matches!(error, SkipError::NotNextRecord { .. }), "{error}");
    }
    assert_eq!(place.texts().await, ["a", "b", "c", "d", "e"]);

    let found = place.store.discarded(Texts::NAME).await.expect("reads");
    let found = found.into_iter().zip(&skipped);
    let found = Vec::from_iter(found.map(|(found, written)| found.at(written.at)));
    assert_eq!(found, skipped);
    let records = skipped.iter().filter_map(|one| one.record.as_ref());
    let offsets = Vec::from_iter(records.clone().map(|record| record.offset.get()));
    // Offset 3 has the marker of the transaction.
    assert_eq!(offsets, [1, 4, 5, 7]);
    let values = Vec::from_iter(records.map(|record| record.value.as_deref()));
    let values = values
        .iter()
        .map(|value| value.map(String::from_utf8_lossy));
    let text = |text| Some(format!(r#"{{"text":"{text}"}}"#));
    let expected = [None, text("binary"), text("unknown"), text("poison")];
    assert_eq!(
        Vec::from_iter(values.map(|v| v.map(String::from))),
        expected
    );
    let version = ("ce_specversion".to_owned(), Some(vec![0xff, 0].into()));
    let headers = skipped[1].record.as_ref().map(|record| &record.headers);
    assert!(headers.is_some_and(|headers| headers.contains(&version)));
    let operations = offsets
        .iter()
        .map(|offset| ("test of March".to_owned(), offset.cast_signed()));
    assert_eq!(place.operations().await, Vec::from_iter(operations));
}

/// The runner is in the middle of its batch when the record is looked at, and commits before the claim.
#[tokio::test(flavor = "multi_thread")]
async fn a_skip_beside_a_runner_that_moves_is_refused() {
    let place = Place::new().await;
    let plain = Sent::Plainly;
    place
        .send(plain, vec![note("a"), note("b"), note("c")])
        .await;
    let entered = Arc::new(Notify::new());
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let opened = Mutex::new(opened);
    let notify = Arc::clone(&entered);
    let task: Task = Arc::new(move |text| {
        if text == "a" {
            notify.notify_one();
            // An error: it is open for good.
            let wait = || opened.lock().expect("no panic").recv();
            tokio::task::block_in_place(wait).unwrap_or_default();
        }
    });
    let runner = place.runner(task);
    let running = tokio::spawn(runner.catch_up());
    entered.notified().await;

    let waiting = format!(
        "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and strpos(query, '{}') > 0)",
        place.schema
    );
    let skip = place.skip(0);
    let skipping = async {
        let outcome = skip.await;
        outcome.expect_err("the runner is at work")
    };
    let opening = async {
        eventually("the claim waits for the batch", async || {
            let asked = sqlx::query_scalar(sqlx::AssertSqlSafe(waiting.clone()));
            asked.fetch_one(place.store.pool()).await.expect("asks")
        })
        .await;
        drop(open);
    };
    let (error, ()) = tokio::join!(skipping, opening);
    // A claim waits for 2 s at most.
    let refused = matches!(error, SkipError::Moved { .. } | SkipError::Store(_));
    assert!(refused, "{error}");
    running.await.expect("no panic").expect("catches up");
    assert_eq!(place.texts().await, ["a", "b", "c"]);
    let discarded = place.store.discarded(Texts::NAME).await;
    assert_eq!(discarded.expect("reads"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_topic_that_is_not_read_is_not_skipped() {
    let place = Place::new().await;
    let runner = place.runner(Arc::new(|_| {}));
    let other = place.config.topic("stock");
    let error = runner.skip_record(&other, 0, Offset::new(0), "why").await;
    let text = chain(&error.expect_err("refused")).to_string();
    assert!(
        text.contains("does not read") && text.contains(&other),
        "{text}"
    );
}
