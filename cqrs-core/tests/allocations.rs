//! Upcasters cost a current event no allocation, on any path that reads.

use std::{alloc::System, convert::Infallible, time::SystemTime};

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, EventId, EventStore,
    ExpectedVersion, MemoryEventStore, Position, RecordedEvent, Runner, StreamId, Version, View,
    model::{Decoded, Upcaster},
    ports::Append,
    role,
    roles::Events,
};
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The same events, aggregate and view with different upcasters.
macro_rules! account {
    ($events:ident, $account:ident, $upcasters:expr) => {
        #[derive(Debug, Serialize, Deserialize)]
        enum $events {
            Deposited { cents: u64, currency: String },
        }

        impl Event for $events {
            const CATEGORY: &'static str = "account";
            const UPCASTERS: &'static [Upcaster] = $upcasters;
        }

        #[derive(Debug, Default)]
        struct $account(u64);

        impl Aggregate for $account {
            type Command = u64;
            type Event = $events;
            type Error = Infallible;

            fn handle(&self, cents: u64, _: &Context) -> Decision<Self> {
                let currency = "EUR".to_owned();
                Ok(vec![$events::Deposited { cents, currency }])
            }

            fn apply(&mut self, $events::Deposited { cents, .. }: $events) {
                self.0 += cents;
            }
        }

        impl View for $account {
            const NAME: &'static str = "balances";
            type Events = $events;
            type Document = u64;

            fn keys(&self, event: &Envelope<$events>) -> DocumentKeys {
                event.id().into()
            }

            fn apply(&self, _: &str, sum: Option<u64>, event: &Envelope<$events>) -> Option<u64> {
                let $events::Deposited { cents, .. } = &event.event;
                Some(sum.unwrap_or_default() + cents)
            }
        }
    };
}

account!(Plain, PlainAccount, &[]);
account!(Chained, ChainedAccount, {
    const SAME: fn(&mut serde_json::Value) = |_| {};
    &[
        Upcaster::json("Deposited", 1, SAME),
        Upcaster::json("Deposited", 2, SAME),
        Upcaster::json("Opened", 1, SAME),
        Upcaster::json("Opened", 2, SAME),
        Upcaster::renamed("Created", 1, "Opened", 1),
        Upcaster::dropped("Pinged", 1),
        Upcaster::json("Moved", 1, SAME),
        Upcaster::json("Moved", 2, SAME),
        Upcaster::json("Moved", 3, SAME),
        Upcaster::json("Closed", 1, SAME),
    ]
});

const EVENTS: u64 = 1_000;

async fn measured<R>(work: impl Future<Output = R>) -> (usize, R) {
    let region = Region::new(ALLOCATIONS);
    let result = work.await;
    let change = region.change();
    (change.allocations + change.reallocations, result)
}

/// The allocations to decode, to load an aggregate, and to run a view.
macro_rules! costs {
    ($events:ident, $account:ident) => {{
        let stream = StreamId::of::<$events>("ann").expect("valid");
        let event = || $events::Deposited {
            cents: 5,
            currency: "EUR".to_owned(),
        };
        let new = Append::of("ann", ExpectedVersion::Any, &[event()]).expect("encodes");
        let written = &new.events[0];
        let recorded = RecordedEvent::new(
            EventId::random(),
            stream,
            Version::new(1),
            Position::new(1),
            written.event_type,
            written.payload.clone(),
            SystemTime::UNIX_EPOCH,
        )
        .schema_version(written.schema_version);
        let decode = async {
            for _ in 0..EVENTS {
                let decoded = $events::decode(&recorded).expect("decodes");
                assert!(matches!(decoded, Decoded::One(_)));
            }
        };
        let (decoding, ()) = measured(decode).await;

        let store = MemoryEventStore::default();
        let events = Vec::from_iter((0..EVENTS).map(|_| event()));
        let append = Append::of("ann", ExpectedVersion::Any, &events).expect("encodes");
        store.append(append).await.expect("appends");
        let accounts = store.repository::<$account>();
        let (loading, loaded) = measured(accounts.load("ann")).await;
        assert_eq!(loaded.expect("loads").state.0, 5 * EVENTS);

        let runner = Runner::over_log::<role::View>(&store, $account(0)).expect("a view");
        let (running, ran) = measured(runner.batch_size(1_000).catch_up()).await;
        ran.expect("runs");
        [decoding, loading, running]
    }};
}

#[tokio::test(flavor = "current_thread")]
async fn upcasters_cost_a_current_event_no_allocation() {
    let plain = costs!(Plain, PlainAccount);
    let chained = costs!(Chained, ChainedAccount);
    println!("without upcasters {plain:?}, with ten {chained:?}");
    let events = usize::try_from(EVENTS).expect("few");
    assert_eq!(plain[0], events, "the currency of each event");
    for (plain, chained) in plain.into_iter().zip(chained) {
        // The loops around may allocate a little more or less; an event must not.
        assert!(
            plain.abs_diff(chained) < events / 10,
            "{plain} and {chained}"
        );
    }
}
