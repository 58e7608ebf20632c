//! Guarantees for events of older and of newer code, on every path that reads.

pub(super) mod account;
mod commands;
mod newer;
mod readers;
mod recorded;

pub use self::{
    commands::{
        a_new_step_makes_older_snapshots_invalid, commands_see_older_events_as_the_newest,
        versions_count_stored_events,
    },
    newer::{a_command_fails_on_a_newer_event, a_runner_waits_until_newer_code_continues},
    readers::{
        a_partial_view_reads_what_becomes_its_own, a_reactor_gets_every_part,
        an_upcaster_that_panics_is_an_error_of_every_reader,
    },
    recorded::a_step_reads_how_an_event_was_recorded,
};
