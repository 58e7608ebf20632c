//! The baseline: every object of a fresh store, in the order in which it is created.
//!
//! Before the release of 0.1.0, a change edits the object's file, adds a new object to this list, and updates the snapshot of the
//! installed schema (`tests/it/snapshot.rs` says how). After the release, this list and its files never change: each change is a
//! new migration.

use crate::sql::{SqlFile, sql_files};

pub(crate) const OBJECTS: &[SqlFile] = sql_files![
    "sequences/position.sql",
    "sequences/document_version.sql",
    "tables/events.sql",
    "tables/erased.sql",
    "tables/log_ids.sql",
    "tables/idempotency.sql",
    "indexes/idempotency_recorded_at.sql",
    "tables/snapshots.sql",
    "tables/subscriptions.sql",
    "tables/checkpoints.sql",
    "tables/members.sql",
    "tables/leases.sql",
    "tables/inbox.sql",
    "tables/discarded.sql",
    "tables/parked.sql",
    "tables/waiting.sql",
    "indexes/waiting_of_key.sql",
    "indexes/waiting_at_offset.sql",
    "tables/operations.sql",
    "functions/reject_change.sql",
    "triggers/events_never_change.sql",
    // Shared by appends and readers.
    "functions/fence_tag.sql",
    "functions/stream_guard.sql",
    "functions/key_guard.sql",
    "functions/check_transaction.sql",
    "functions/take_fence.sql",
    // Appends.
    "functions/append/is_expected.sql",
    "functions/append/reject_argument.sql",
    "functions/append/keeps_slice.sql",
    "functions/append/last_event.sql",
    "functions/append/checked_version.sql",
    "functions/append/combine_verdicts.sql",
    "functions/append/append_event.sql",
    "functions/append/append_to_one.sql",
    "functions/append/append_each.sql",
    "functions/append/append.sql",
    "functions/appended_under.sql",
    "functions/forget_keys.sql",
    "functions/import_events.sql",
    // Records of what people did.
    "functions/record_operation.sql",
    "functions/discard.sql",
    "functions/renew_log_id.sql",
    "functions/erase_stream.sql",
    // Readers.
    "functions/read_streams.sql",
    "functions/log_identity.sql",
    "functions/event_id_at.sql",
    "functions/log_head.sql",
    "functions/fence_holders.sql",
    "functions/name_lock.sql",
    "functions/claim.sql",
    "functions/advance.sql",
    "functions/park.sql",
    // Partitions of the log.
    "functions/is_alive.sql",
    "functions/has_passed.sql",
    "functions/log_partitions.sql",
    "functions/subscribe.sql",
    "functions/heartbeat.sql",
    "functions/release_lease.sql",
    "functions/leave.sql",
    "functions/hold_relay.sql",
    "functions/leave_relay.sql",
    "functions/claim_slices.sql",
    "functions/progress_by_slice.sql",
    "functions/repartition.sql",
    // Documents.
    "functions/holds_documents.sql",
    "functions/prepare_view.sql",
    "functions/clear_view.sql",
    // Access.
    "functions/own_functions.sql",
    "functions/grant_access.sql",
    "rights/public.sql",
];
