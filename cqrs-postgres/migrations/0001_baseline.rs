//! The baseline: every object of a fresh store, in the order in which it is created.
//!
//! Until 0.1.0 is released a change of the schema edits the object's file, this list if there is a new one, and the snapshot of the
//! installed schema (`tests/it/snapshot.rs` says how). From then on this list and what it names never change again, and a
//! change is a new migration behind it.

use crate::sql::{SqlFile, sql_files};

pub(crate) const OBJECTS: &[SqlFile] = sql_files![
    "sequences/position.sql",
    "tables/events.sql",
    "tables/idempotency.sql",
    "indexes/idempotency_recorded_at.sql",
    "tables/snapshots.sql",
    "tables/checkpoints.sql",
    "tables/inbox.sql",
    "functions/reject_change.sql",
    "triggers/events_never_change.sql",
    // What appends and readers agree on.
    "functions/fence_tag.sql",
    "functions/stream_guard.sql",
    "functions/key_guard.sql",
    "functions/check_transaction.sql",
    "functions/take_fence.sql",
    // Appends.
    "functions/append/is_expected.sql",
    "functions/append/last_event.sql",
    "functions/append/checked_version.sql",
    "functions/append/combine_verdicts.sql",
    "functions/append/append_event.sql",
    "functions/append/append_to_one.sql",
    "functions/append/append_each.sql",
    "functions/append/append.sql",
    "functions/appended_under.sql",
    "functions/forget_keys.sql",
    // Readers.
    "functions/read_streams.sql",
    "functions/log_head.sql",
    "functions/fence_holders.sql",
    "functions/claim.sql",
    "functions/advance.sql",
    "functions/prepare_view.sql",
    // Who may do what.
    "functions/grant_access.sql",
    "rights/public.sql",
];
