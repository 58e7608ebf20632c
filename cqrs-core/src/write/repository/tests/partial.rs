//! An aggregate whose enum is `PARTIAL`.

use crate::{model::NewEvent, ports::Append, ports::StoreErrorKind, prelude::*};

#[derive(serde::Serialize, serde::Deserialize)]
enum PartialEvent {
    Counted,
}
impl Event for PartialEvent {
    const CATEGORY: &'static str = "partial";
    const PARTIAL: bool = true;
}

#[derive(Debug, Default)]
struct Partial;
impl Aggregate for Partial {
    type Command = ();
    type Event = PartialEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, (): (), _: &Context) -> Decision<Self> {
        Ok(vec![PartialEvent::Counted])
    }
    fn apply(&mut self, _: PartialEvent) {}
}

#[tokio::test]
async fn an_aggregate_reads_every_event_also_of_a_partial_enum() {
    let store = MemoryEventStore::default();
    let stream = StreamId::of::<PartialEvent>("a").expect("a valid id");
    let unknown = NewEvent::from_parts(EventId::random(), "Renamed", "{}", Metadata::default());
    let append = Append::new(stream, ExpectedVersion::NoStream, vec![unknown]);
    store.append(append).await.expect("appends");
    let error = store.repository::<Partial>().load("a").await;
    let error = error.expect_err("its state would be wrong");
    assert_eq!(error.kind(), StoreErrorKind::Undecodable);
    assert!(
        error.to_string().contains("an aggregate reads every event"),
        "{error}"
    );
}
