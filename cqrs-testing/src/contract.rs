//! The guarantees of every store, as tests that each adapter runs.
//!
//! An adapter needs one line for them: `cqrs_testing::event_store_contract!(a_fresh_store().await);`

pub mod categories;
pub mod checkpoints;
pub mod control;
pub mod discards;
pub mod documents;
pub mod events;
pub mod execute_all;
mod fixture;
pub mod headers;
pub mod health;
pub mod histories;
pub mod idempotency;
pub mod imports;
pub mod inspect;
pub mod limits;
pub mod log;
pub mod parking;
pub mod partitions;
mod purse;
pub mod relays;
pub mod repeats;
pub mod replays;
pub mod schema_versions;
pub mod searches;
pub mod selections;
pub mod several_streams;
pub mod shapes;
pub mod snapshots;
pub mod transactions;
pub mod upcasters;
pub mod writers;

/// Declares one test for each guarantee of a [`Store`](cqrs_core::Store). The expression makes a fresh, empty store; it may
/// await. The calling crate needs `tokio` with its test macro. `CQRS_HISTORIES` sets the number of histories in
/// `every_history_is_linearizable`.
///
/// ```
/// mod contract {
///     cqrs_testing::event_store_contract!(cqrs_core::MemoryEventStore::default());
/// }
/// ```
#[macro_export]
macro_rules! event_store_contract {
    ($store:expr) => {
        $crate::event_store_contract! { @tests $store;
            events: an_append_is_read_back_whole
            events: expectations_guard_the_stream
            events: the_last_event_is_expected_by_its_id
            events: an_append_without_events_changes_nothing
            events: a_rejected_append_writes_nothing
            events: one_of_many_writers_at_one_version_succeeds
            events: the_longest_ids_can_be_stored
            headers: every_way_to_append_keeps_the_headers_of_each_event
            headers: headers_beyond_a_limit_are_rejected
            limits: an_event_beyond_a_limit_is_rejected
            limits: a_document_beyond_a_limit_is_rejected
            transactions: appends_to_several_streams_are_all_or_none
            transactions: a_rolled_back_append_leaves_no_trace
            transactions: a_stream_read_in_a_transaction_is_guarded_until_its_end
            transactions: a_stream_checked_in_a_transaction_is_guarded_until_its_end
            transactions: a_stream_twice_in_one_append_is_rejected
            several_streams: an_append_to_several_streams_succeeds_or_names_a_conflict
            several_streams: positions_rise_in_the_order_of_the_append
            several_streams: another_event_at_the_same_version_is_rejected
            several_streams: appends_with_the_same_read_only_stream_do_not_wait
            several_streams: one_of_two_appends_that_check_each_other_succeeds
            several_streams: an_append_to_no_stream_does_nothing
            idempotency: a_repeat_under_a_key_returns_the_first_result
            idempotency: another_command_under_a_used_key_is_rejected
            idempotency: the_appends_under_a_key_can_be_looked_up
            idempotency: a_key_commits_with_its_transaction
            idempotency: a_key_without_events_is_stored_too
            idempotency: a_rejected_append_leaves_its_key_free
            repeats: one_of_a_hundred_concurrent_repeats_appends
            repeats: one_of_two_concurrent_commands_under_a_key_succeeds
            repeats: each_concurrent_key_gets_its_own_result
            imports: an_import_keeps_everything_but_the_position
            imports: an_import_is_run_again_after_an_interruption
            imports: an_import_that_does_not_continue_a_stream_adds_nothing
            imports: an_imported_event_beyond_a_limit_is_rejected
            execute_all: commands_see_the_events_of_earlier_commands
            execute_all: a_request_under_a_key_takes_effect_once
            execute_all: concurrent_requests_decide_on_the_state_before_them
            writers: each_of_many_concurrent_appends_gets_its_own_result
            writers: fresh_streams_do_not_conflict_with_each_other
            writers: a_dropped_append_has_written_all_or_nothing
            snapshots: a_snapshot_is_read_with_the_events_from_its_last_on
            snapshots: a_snapshot_of_another_fingerprint_is_not_read
            snapshots: an_event_in_a_snapshot_is_not_applied_again
            snapshots: a_snapshot_of_another_shape_is_not_an_empty_state
            replays: a_replay_reads_the_stream_from_any_version_on
            replays: several_streams_replay_like_each_of_them
            replays: a_stream_outgrows_65_535_events
            replays: an_event_that_cannot_be_read_is_an_error_to_every_reader
            replays: a_rebuild_applies_every_event_once
            shapes: every_value_comes_back_as_it_was_written
            shapes: a_value_that_json_would_change_is_refused
            schema_versions: every_way_to_append_keeps_the_schema_version_of_each_event
            schema_versions: a_schema_version_beyond_a_limit_is_rejected
            upcasters: commands_see_older_events_as_the_newest
            upcasters: versions_count_stored_events
            upcasters: a_new_step_makes_older_snapshots_invalid
            upcasters: a_partial_view_reads_what_becomes_its_own
            upcasters: a_reactor_gets_every_part
            upcasters: a_step_reads_how_an_event_was_recorded
            upcasters: an_upcaster_that_panics_is_an_error_of_every_reader
            upcasters: a_command_fails_on_a_newer_event
            upcasters: a_runner_waits_until_newer_code_continues
            categories: a_category_is_renamed_by_copying_its_streams
            log: the_log_is_read_page_by_page_in_order
            log: a_filtered_page_continues_after_skipped_events
            log: a_page_is_bounded_in_bytes
            log: a_page_ends_at_a_position
            log: a_page_of_slices_has_the_streams_of_those_slices
            log: the_id_of_the_event_at_a_position_can_be_read
            log: a_page_proves_which_event_it_follows
            log: a_log_has_an_identity
            searches: the_log_is_searched_in_both_directions
            searches: a_search_goes_on_where_it_ended
            histories: every_history_is_linearizable
            checkpoints: a_claim_continues_at_the_last_checkpoint
            checkpoints: a_claim_fences_every_earlier_one
            checkpoints: a_checkpoint_moves_only_from_where_it_is
            checkpoints: a_claim_during_a_batch_fences_it_or_waits
            checkpoints: a_rolled_back_batch_moves_nothing
            checkpoints: the_inbox_keeps_the_highest_position_of_each_lane
            checkpoints: the_inbox_is_the_same_for_a_topic_of_another_name
            checkpoints: a_reset_starts_over_and_fences_runners
            checkpoints: a_rewind_starts_over_and_keeps_the_inbox
            selections: a_selection_is_recorded_under_a_claim
            selections: a_role_that_reads_more_leaves_nothing_out_silently
            selections: a_role_of_another_kind_does_not_continue
            selections: what_was_passed_over_is_handled_once
            selections: a_named_place_counts_more_than_what_was_handled
            selections: a_view_does_not_handle_what_it_has_passed_over
            selections: a_renamed_or_a_new_type_starts_without_a_question
            checkpoints: a_claim_that_was_reset_in_the_transaction_is_fenced
            checkpoints: a_checkpoint_moves_step_by_step_in_a_transaction
            partitions: the_first_start_decides_the_number_of_partitions
            partitions: a_claim_makes_no_partition_of_the_log
            partitions: members_share_the_partitions
            partitions: what_is_given_back_is_left_to_who_lacks_it
            partitions: partitions_move_once_nobody_has_joined_for_a_while
            partitions: a_member_that_is_not_heard_of_loses_its_partitions
            partitions: a_member_that_leaves_frees_its_partitions_at_once
            partitions: a_stopped_partition_is_tried_by_a_later_member_only
            partitions: an_avoided_partition_is_left_to_others
            partitions: joined_parts_go_on_where_each_was
            partitions: a_partition_that_comes_again_fences_its_old_owner
            partitions: no_repartition_moves_a_slice
            partitions: a_repartition_waits_for_a_batch_or_fences_it
            partitions: a_reset_forgets_what_was_ahead
            partitions: a_repartition_keeps_what_is_read
            partitions: an_unknown_subscription_is_an_error
            relays: a_relay_has_one_holder_at_a_time
            relays: a_relay_that_is_not_heard_of_is_taken_over
            relays: one_of_many_takes_a_relay
            inspect: an_overview_shows_owner_state_and_place
            inspect: an_overview_shows_no_owner_that_is_not_alive
            inspect: the_lag_is_what_a_partition_has_to_handle
            inspect: a_long_lag_is_counted_up_to_a_bound
            inspect: an_overview_shows_partitions_of_topics
            inspect: an_overview_counts_parked_keys_by_their_cause
            inspect: operations_are_listed_from_the_newest_on
            inspect: an_overview_shows_who_runs_a_relay
            health: a_partition_without_an_owner_is_a_finding
            health: an_owner_that_stands_still_is_a_finding
            health: a_partition_that_is_far_behind_is_a_finding
            health: a_stopped_or_paused_partition_is_a_finding
            health: parked_keys_are_a_finding
            health: a_relay_without_an_owner_is_a_finding
            health: who_has_handled_everything_is_healthy
            control: every_change_by_hand_is_recorded_with_its_reason
            control: no_change_by_hand_is_made_without_a_reason
            control: a_change_of_an_unknown_subscription_is_an_error
            control: a_pause_waits_for_a_batch_or_fences_it
            control: a_paused_runner_goes_on_when_it_is_resumed
            control: an_idle_runner_notices_a_pause
            control: a_removed_subscription_leaves_nothing
            control: a_removed_relay_leaves_nothing
            discards: discarded_events_are_kept_with_their_reason
            discards: discarded_records_are_kept_as_bytes
            parking: a_parked_key_is_kept_until_it_is_taken_out
            parking: no_more_keys_are_parked_than_the_limit
            parking: a_request_is_for_the_event_in_front
            parking: a_fenced_owner_changes_no_parked_key
            parking: a_reset_takes_every_parked_key_out
            parking: waiting_events_are_those_of_the_stream
            parking: waiting_events_are_counted_up_to_their_slice
            parking: a_page_of_a_stream_is_bounded_in_bytes
            parking: a_parked_key_that_is_no_stream_keeps_the_partitions
            parking: a_parked_key_that_decides_the_partition_moves_with_its_slice
            parking: records_of_a_topic_wait_for_their_key
            parking: a_record_waits_once_for_its_key
            parking: a_dead_letter_is_found_until_it_is_noted
            parking: a_request_is_for_one_partition
            documents: documents_are_written_changed_and_removed
            documents: one_of_two_writers_of_a_document_commits
            documents: one_of_two_creators_of_a_document_commits
            documents: a_document_that_is_created_again_has_a_new_version
            documents: an_absent_document_can_be_removed
            documents: documents_are_paged_in_key_order
            documents: documents_are_found_by_a_range_of_keys
            documents: a_view_that_never_ran_has_no_documents
            documents: a_transaction_loads_what_it_has_saved
            documents: a_transaction_saves_once_at_a_version
            documents: a_view_is_cleared_at_its_place_in_the_transaction
            documents: a_document_commits_with_its_checkpoint_or_not_at_all
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn a_transaction_writes_where_it_was_begun() {
            let (store, other) = ($store, $store);
            $crate::contract::transactions::a_transaction_writes_where_it_was_begun(store, other).await;
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
