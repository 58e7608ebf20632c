//! A category gets another name: a reactor copies its streams.

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, Envelope, Event, EventStore, ExpectedVersion,
    Reactor, RecordedEvent, Runner, Store, StreamId, To, Version, model::Upcaster, ports::Append,
    role,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::upcasters::account::stored;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum CustomerEvent {
    Registered { name: String },
    Moved { city: String },
}

impl Event for CustomerEvent {
    const CATEGORY: &'static str = "customer";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Registered", 1, |payload| {
        payload["name"] = payload["called"].take();
    })];
}

/// The same events in their new category, where all have their newest shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct MemberEvent(CustomerEvent);

impl Event for MemberEvent {
    const CATEGORY: &'static str = "member";
}

#[derive(Debug, Default)]
struct Customer;

impl Aggregate for Customer {
    type Command = CustomerEvent;
    type Event = CustomerEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, event: CustomerEvent, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }

    fn apply(&mut self, _: CustomerEvent) {}
}

#[derive(Debug, Default)]
struct Member {
    name: Option<String>,
    city: Option<String>,
}

impl Aggregate for Member {
    type Command = CustomerEvent;
    type Event = MemberEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, event: CustomerEvent, _: &Context) -> Decision<Self> {
        Ok(vec![MemberEvent(event)])
    }

    fn apply(&mut self, MemberEvent(event): MemberEvent) {
        match event {
            CustomerEvent::Registered { name } => self.name = Some(name),
            CustomerEvent::Moved { city } => self.city = Some(city),
        }
    }
}

struct RenameCustomers;

impl Reactor for RenameCustomers {
    const NAME: &'static str = "rename customers";
    type Events = CustomerEvent;
    type Commands = To<Member>;

    fn react(&self, event: &Envelope<CustomerEvent>) -> Vec<To<Member>> {
        vec![To::new(event.id(), event.event.clone())]
    }
}

async fn copy<S: Store>(store: &S) {
    let runner = Runner::over_log::<role::Reactor>(store, RenameCustomers).expect("a reactor");
    runner.batch_size(2).catch_up().await.expect("copies");
}

async fn events<S: EventStore>(store: &S, stream: StreamId) -> Vec<RecordedEvent> {
    let events = store.read_stream(&stream, Version::EMPTY).await;
    events.expect("reads")
}

/// Every event of the old category is copied once, in the order of its stream, in its newest shape and with its headers: also
/// those that are written between two runs of the copy.
pub async fn a_category_is_renamed_by_copying_its_streams<S: Store>(store: S) {
    let customers = store.repository::<Customer>();
    for id in ["ann", "bob"] {
        let older = stored("Registered", 1, &json!({ "called": id }));
        let stream = StreamId::of::<CustomerEvent>(id).expect("a valid id");
        let append = Append::new(stream, ExpectedVersion::NoStream, vec![older]);
        store.append(append).await.expect("appends");
        let moved = CustomerEvent::Moved {
            city: format!("{id}ville"),
        };
        let moved = customers.execute(id, moved).header("by", id);
        moved.await.expect("is accepted");
    }
    copy(&store).await;
    copy(&store).await;
    let late = CustomerEvent::Moved {
        city: "Bonn".to_owned(),
    };
    customers.execute("ann", late).await.expect("is accepted");
    copy(&store).await;

    let ann = store.repository::<Member>().load("ann").await;
    let ann = ann.expect("is read");
    assert_eq!(ann.version, Version::new(3));
    assert_eq!(ann.state.name.as_deref(), Some("ann"));
    assert_eq!(ann.state.city.as_deref(), Some("Bonn"));
    for id in ["ann", "bob"] {
        let of = |stream: Result<StreamId, _>| events(&store, stream.expect("a valid id"));
        let old = of(StreamId::of::<CustomerEvent>(id)).await;
        let new = of(StreamId::of::<MemberEvent>(id)).await;
        assert_eq!(old.len(), new.len());
        for (old, new) in old.iter().zip(&new) {
            assert_eq!(new.metadata.causation_id, Some(old.id));
            assert_eq!(new.metadata.headers, old.metadata.headers);
            assert_eq!(
                (new.version, &new.event_type, new.schema_version),
                (old.version, &old.event_type, 1)
            );
        }
        assert_eq!(
            &*new[0].payload,
            json!({ "name": id }).to_string().as_bytes()
        );
        assert_eq!(
            &*old[0].payload,
            json!({ "called": id }).to_string().as_bytes()
        );
    }
}
