//! A handler whose ordering key is not the stream: a process over two categories.

use super::*;
use crate::{
    model::{Category, NewEvent, Version},
    ports::Append,
};

/// A process by the first letter of the ids, over the categories `order` and `payment`.
pub(super) struct Processes(pub(super) Bad);

#[async_trait]
impl Handler<MemoryEventStore> for Processes {
    fn subscription(&self) -> &str {
        Sums::NAME
    }
    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        let categories = ["order", "payment"];
        Ok(categories.map(|name| EventFilter::new(name, &[])).into())
    }
    fn ordering_key(&self, event: &RecordedEvent) -> OrderingKey {
        let process = &event.stream.id()[..1];
        OrderingKey::named(process).expect("valid")
    }
    async fn handle(
        &self,
        store: &MemoryEventStore,
        transaction: &mut <MemoryEventStore as UnitOfWork>::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        for event in batch {
            if self.0.has(event) {
                return Err(HandlerError::poison(event.id, "planted"));
            }
            let key = self.ordering_key(event).to_string();
            let found = store
                .load_in(transaction, Sums::NAME, std::slice::from_ref(&key))
                .await?;
            let found = found.get(&key);
            let numbers = found.map(|document| decode_document(Sums::NAME, &key, &document.body));
            let mut numbers: Vec<u64> = numbers.transpose()?.unwrap_or_default();
            numbers.push(event.position.get());
            let write = DocumentWrite {
                version: found.map_or(0, |document| document.version),
                body: Some(serde_json::to_vec(&numbers).expect("numbers")),
                key,
            };
            store.save_in(transaction, Sums::NAME, &[write]).await?;
        }
        Ok(())
    }
}

pub(super) async fn append(store: &MemoryEventStore, category: &str, id: &str) {
    let category = Category::new(category).expect("valid");
    let event = NewEvent {
        id: EventId::random(),
        event_type: "Done",
        schema_version: 1,
        payload: bytes::Bytes::from_static(b"{}"),
        metadata: crate::model::Metadata::default(),
    };
    let append = Append {
        stream: StreamId::new(category, id).expect("valid"),
        expected: crate::model::ExpectedVersion::Any,
        events: vec![event],
    };
    store.append(append).await.expect("appends");
}

#[tokio::test(start_paused = true)]
async fn a_process_over_two_categories_waits_as_a_whole() {
    let store = MemoryEventStore::default();
    let streams = [
        ("order", "a1"),
        ("order", "b1"),
        ("payment", "a2"),
        ("note", "a1"),
        ("payment", "b2"),
        ("order", "a3"),
        ("payment", "a2"),
        ("order", "b1"),
    ];
    for (category, id) in streams {
        append(&store, category, id).await;
    }
    let bad = Bad::new([3]);
    let running = Running::start(runner(&store, Processes(bad.clone())));
    caught_up(&store, 8).await;
    let [front] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!(front.key, OrderingKey::named("a").expect("valid"));
    assert_eq!(front.event.version, Version::new(1));
    let handled = counters(&store).await;
    assert_eq!((&*handled["a"], &*handled["b"]), (&[1][..], &[2, 5, 8][..]));
    let groups = parked(&store).groups().await.expect("reads");
    assert_eq!(
        groups[0].to_string(),
        "1 key, at least 1 event waits: Done: planted"
    );

    bad.set([6]);
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    let [front] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!(front.event.position.get(), 6);
    assert_eq!(counters(&store).await["a"], [1, 3]);

    bad.set([]);
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    append(&store, "payment", "a9").await;
    caught_up(&store, 9).await;
    running.stop().await;
    assert_eq!(counters(&store).await["a"], [1, 3, 6, 7, 9]);
}

/// A key that is the stream of another event is a name: its events are not all in that stream.
#[tokio::test]
async fn a_foreign_stream_is_a_name() {
    struct OfAnother;
    #[async_trait]
    impl Handler<MemoryEventStore> for OfAnother {
        fn subscription(&self) -> &str {
            Sums::NAME
        }
        fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
            Ok(vec![])
        }
        fn ordering_key(&self, _: &RecordedEvent) -> OrderingKey {
            key("c1")
        }
        async fn handle(
            &self,
            _: &MemoryEventStore,
            _: &mut <MemoryEventStore as UnitOfWork>::Transaction,
            _: &[RecordedEvent],
        ) -> Result<(), HandlerError> {
            Ok(())
        }
    }
    let store = filled(2).await;
    let query = crate::ports::LogQuery::new(Position::START, 2);
    let events = store.read_log(query).await.expect("reads").events;
    let keys = events
        .iter()
        .map(|event| crate::read::runner::parked::key_of(&OfAnother, event));
    let foreign = OrderingKey::named("counter-c1").expect("valid");
    assert_eq!(Vec::from_iter(keys), [key("c1"), foreign]);
}
