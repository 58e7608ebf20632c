//! The log of a runner that waits for newer code.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    codec::CodecError,
    model::{PartitionId, Slices},
    ports::StoreError,
    read::runner::tally::Tally,
};

/// Keeps the lines of a log.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn newer(event: &str, schema_version: u32) -> StoreError {
    let error = CodecError::NewerVersion {
        event_type: "Placed".to_owned(),
        schema_version,
        known: 1,
    };
    StoreError::unreadable::<()>(event, error)
}

#[tokio::test(start_paused = true)]
async fn a_newer_event_is_named_once_a_minute() {
    let lines = Lines::default();
    let tally = Tally::new("orders", Vec::new(), Vec::new());
    let wait = |event, schema_version| {
        tracing::subscriber::with_default(lines.clone(), || {
            let partition = PartitionId::Log(Slices::ALL);
            tally.newer(&partition, &newer(event, schema_version));
        });
    };
    for _ in 0..5 {
        wait("order-1@1 (Placed)", 2);
        wait("order-2@7 (Placed)", 2);
    }
    let logged = lines.all();
    assert_eq!(logged.len(), 1, "{logged:?}");
    let named = "schema version 2 of event type `Placed` was written by newer code; this code knows up to 1";
    assert!(
        logged[0].starts_with("WARN") && logged[0].contains(named),
        "{logged:?}"
    );
    assert!(logged[0].contains("order-1@1 (Placed)"), "{logged:?}");
    wait("order-1@1 (Placed)", 3);
    assert_eq!(lines.all().len(), 2, "another schema version");
    tokio::time::advance(Duration::from_secs(60)).await;
    wait("order-1@1 (Placed)", 2);
    let last = lines.all().pop().expect("a line");
    assert!(last.contains("attempts=10"), "{last}");
}
