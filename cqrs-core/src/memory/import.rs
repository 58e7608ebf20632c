//! The import of events.

use std::collections::HashMap;

use super::{MemoryEventStore, MemoryTransaction, State};
use crate::{
    model::{EventId, RecordedEvent, Version},
    ports::{EventStore, Import, ImportError, Imported, UnitOfWork, check_import},
};

impl Import for MemoryEventStore {
    async fn import(&self, events: &[RecordedEvent]) -> Result<Imported, ImportError> {
        check_import(events, self.size_limits())?;
        let mut transaction = self.begin().await?;
        let mut state = self.state();
        let imported = stage(&state, &mut transaction, events)?;
        transaction.apply(&mut state);
        drop(state);
        self.0.appended.notify_waiters();
        Ok(imported)
    }
}

fn stage(
    state: &State,
    transaction: &mut MemoryTransaction,
    events: &[RecordedEvent],
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut heads = HashMap::new();
    for event in events {
        let head = heads
            .entry(&event.stream)
            .or_insert_with(|| state.version(&event.stream));
        if event.version.get() == head.get() + 1 {
            *head = event.version;
            transaction.stage_imported(event);
            imported.added += 1;
            continue;
        }
        match id_at(state, transaction, event) {
            Some(found) if found == event.id => imported.present += 1,
            Some(found) => {
                return Err(ImportError::OtherEvent {
                    stream: event.stream.clone(),
                    version: event.version,
                    found,
                });
            }
            None => {
                return Err(ImportError::Gap {
                    stream: event.stream.clone(),
                    version: event.version,
                    head: *head,
                });
            }
        }
    }
    Ok(imported)
}

/// The event, stored or staged, that has the version of this one in its stream.
fn id_at(state: &State, transaction: &MemoryTransaction, event: &RecordedEvent) -> Option<EventId> {
    let before = Version::new(event.version.get().checked_sub(1)?);
    let stored = state.history(&event.stream, before).next();
    stored
        .or_else(|| transaction.staged_at(&event.stream, event.version))
        .map(|found| found.id)
}
