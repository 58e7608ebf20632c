//! What every store promises, as tests that each adapter runs.
//!
//! An adapter's own test file is one line: `cqrs_testing::event_store_contract!(a_fresh_store().await);`

pub mod checkpoints;
pub mod documents;
pub mod events;
mod fixture;
pub mod headers;
pub mod histories;
pub mod idempotency;
pub mod log;
mod purse;
pub mod repeats;
pub mod replays;
pub mod several;
pub mod snapshots;
pub mod together;
pub mod transactions;
pub mod writers;

/// Declares a test for every promise of a [`Store`](cqrs_core::Store). The expression makes a fresh, empty store; it may
/// await. Needs `tokio` with its test macro in the crate that calls it. `CQRS_HISTORIES` sets how many histories
/// `every_history_is_linearizable` tries.
#[macro_export]
macro_rules! event_store_contract {
    ($store:expr) => {
        $crate::event_store_contract! { @tests $store;
            events: an_append_is_read_back_whole
            events: expectations_guard_the_stream
            events: the_last_event_is_expected_by_its_id
            events: an_append_without_events_is_a_look
            events: a_refused_append_leaves_nothing
            events: of_many_writers_at_one_version_one_wins
            events: ids_up_to_the_limit_are_kept
            headers: every_way_to_append_keeps_the_headers_of_each_event
            headers: headers_beyond_a_limit_are_rejected_and_leave_nothing
            transactions: appends_to_several_streams_are_all_or_none
            transactions: a_rolled_back_append_was_never_there
            transactions: a_stream_read_in_a_transaction_is_guarded_until_its_end
            transactions: a_stream_looked_at_in_a_transaction_is_guarded_until_its_end
            transactions: a_stream_twice_in_one_append_is_refused
            several: an_append_to_several_streams_is_whole_or_names_a_conflict
            several: positions_rise_in_the_order_given
            several: another_event_at_the_same_version_is_refused
            several: who_looks_at_the_same_stream_does_not_wait
            several: of_two_appends_that_look_at_each_others_stream_one_succeeds
            several: an_append_to_no_stream_is_nothing
            idempotency: a_repeat_under_a_key_answers_what_the_first_one_did
            idempotency: a_key_that_was_used_for_something_else_is_refused
            idempotency: a_key_is_looked_up
            idempotency: a_key_is_kept_with_its_transaction_or_free_again
            idempotency: a_key_without_events_is_kept_too
            idempotency: a_refused_append_leaves_its_key_free
            repeats: of_a_hundred_repeats_at_once_one_appends
            repeats: of_two_commands_under_one_key_at_once_one_is_done
            repeats: among_others_each_key_keeps_its_own_answer
            together: commands_to_several_aggregates_decide_on_one_another
            together: a_set_under_a_key_takes_effect_once
            together: sets_at_once_decide_on_what_they_are_stored_after
            writers: each_of_many_appends_at_once_has_a_verdict_of_its_own
            writers: fresh_streams_do_not_conflict_with_each_other
            writers: a_caller_who_stops_waiting_has_appended_all_or_nothing
            snapshots: a_snapshot_is_read_with_the_events_from_its_own_on
            snapshots: a_snapshot_of_another_fingerprint_is_not_read
            snapshots: an_event_in_a_snapshot_is_not_applied_again
            snapshots: a_snapshot_of_another_shape_is_not_an_empty_state
            replays: a_replay_reads_the_stream_from_any_version_on
            replays: several_streams_replay_as_each_of_them_does
            replays: a_stream_outgrows_65_535_events
            replays: an_event_that_cannot_be_read_is_an_error_to_every_reader
            replays: a_rebuild_applies_every_event_once
            log: the_log_is_read_page_by_page_in_order
            log: a_filtered_page_goes_on_behind_what_it_passed_over
            log: a_page_of_slices_holds_the_streams_of_those_slices
            log: the_event_at_a_position_is_known
            histories: every_history_is_linearizable
            checkpoints: a_claim_goes_on_where_the_last_one_stood
            checkpoints: a_claim_fences_every_earlier_one
            checkpoints: a_claim_during_a_batch_fences_it_or_waits
            checkpoints: a_rolled_back_batch_moves_nothing
            checkpoints: the_inbox_keeps_the_highest_position_of_each_lane
            checkpoints: a_reset_forgets_and_fences
            documents: documents_are_written_changed_and_removed
            documents: of_two_writers_of_a_document_one_commits
            documents: of_two_creators_of_a_document_one_commits
            documents: documents_are_paged_in_key_order
            documents: a_document_commits_with_its_checkpoint_or_not_at_all
        }
    };
    (@tests $store:expr; $($module:ident: $name:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::contract::$module::$name($store).await;
            }
        )+
    };
}
