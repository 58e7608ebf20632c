//! Processes over two categories: a handler whose ordering key decides the partition.

use std::collections::BTreeMap;

use async_trait::async_trait;
use cqrs_core::{
    CommandStore, Event, EventStore, HandlerError, RecordedEvent, StoreError,
    codec::CodecError,
    model::{EventFilter, KeyRange, OrderingKey, PartitionedBy},
    ports::{DocumentWrite, Documents, decode_document},
    read::Handler,
};

use crate::domain::{Counter, CounterEvent, Echo, EchoEvent, log};

/// The number of processes.
pub const PROCESSES: u64 = 300;

/// Keeps the positions of the events of each process, in the order in which it handled them. The process is the id of a counter and of an
/// echo.
#[derive(Debug)]
pub struct Processes;

impl Processes {
    /// The subscription, and the view that has the positions.
    pub const NAME: &'static str = "processes";
}

#[async_trait]
impl<S: Documents> Handler<S> for Processes {
    fn subscription(&self) -> &str {
        Self::NAME
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        let categories = [CounterEvent::CATEGORY, EchoEvent::CATEGORY];
        Ok(categories.map(|name| EventFilter::new(name, &[])).into())
    }

    fn ordering_key(&self, event: &RecordedEvent) -> OrderingKey {
        OrderingKey::named(event.stream.id()).expect("an id of a test")
    }

    fn partitioned_by(&self) -> PartitionedBy {
        PartitionedBy::OrderingKey
    }

    async fn prepare(&self, store: &S) -> Result<(), StoreError> {
        store.prepare_view(Self::NAME).await
    }

    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let new = by_process(batch);
        let keys = Vec::from_iter(new.keys().cloned());
        let found = store.load_in(transaction, Self::NAME, &keys).await?;
        let mut writes = Vec::new();
        for (key, positions) in new {
            let document = found.get(&key);
            let before = document.map(|found| decode_document(Self::NAME, &key, &found.body));
            let mut all: Vec<u64> = before.transpose()?.unwrap_or_default();
            all.extend(positions);
            let body = serde_json::to_vec(&all).expect("numbers");
            let version = document.map_or(0, |document| document.version);
            writes.push(DocumentWrite::new(key, version, Some(body)));
        }
        store.save_in(transaction, Self::NAME, &writes).await?;
        Ok(())
    }
}

/// The positions of each process, in the order of the events.
fn by_process(events: &[RecordedEvent]) -> BTreeMap<String, Vec<u64>> {
    let mut by_process = BTreeMap::<_, Vec<u64>>::new();
    for event in events {
        let of_process = by_process.entry(event.stream.id().to_owned()).or_default();
        of_process.push(event.position.get());
    }
    by_process
}

/// Appends so many events, of one process after the other: of its counter, and each third time round of its echo.
pub async fn proceed<S: EventStore>(store: &S, events: u64) {
    let (counters, echoes) = (store.repository::<Counter>(), store.repository::<Echo>());
    for number in 0..events {
        let process = format!("p{}", number % PROCESSES);
        if number / PROCESSES % 3 == 2 {
            echoes.execute(process, number).await.expect("hears");
        } else {
            let counted = counters.execute(process, "w".to_owned()).await;
            counted.expect("counts");
        }
    }
}

/// What the processes have handled, and what they should have: the events of the log, in the order of their positions.
pub async fn handled_and_expected<S: EventStore + Documents>(
    store: &S,
) -> [BTreeMap<String, Vec<u64>>; 2] {
    let documents = store
        .documents(Processes::NAME, &KeyRange::all(), 1_000)
        .await;
    let mut handled = BTreeMap::new();
    for (key, document) in documents.expect("reads") {
        let positions = decode_document(Processes::NAME, &key, &document.body);
        handled.insert(key, positions.expect("positions"));
    }
    [handled, by_process(&log(store).await)]
}
