//! What every store promises, as tests that each adapter runs.
//!
//! An adapter's own test file is one line: `cqrs_core::event_store_contract!(a_fresh_store().await);`

pub mod checkpoints;
pub mod documents;
pub mod events;
mod fixture;
pub mod histories;

/// Declares a test for every promise of a [`Store`](crate::Store). The expression makes a fresh, empty store; it may
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
            events: appends_to_several_streams_are_all_or_none
            events: a_rolled_back_append_was_never_there
            events: a_stream_read_in_a_transaction_is_guarded_until_its_end
            events: a_stream_twice_in_one_append_is_refused
            events: the_log_is_read_page_by_page_in_order
            events: a_filtered_page_goes_on_behind_what_it_passed_over
            events: a_page_of_slices_holds_the_streams_of_those_slices
            events: ids_up_to_the_limit_are_kept
            events: the_event_at_a_position_is_known
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
                $crate::testing::contract::$module::$name($store).await;
            }
        )+
    };
}
