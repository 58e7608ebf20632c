//! The read side: runs views, reactors and projections, and queries views.

mod handled;
mod handler;
mod log_source;
mod parked_keys;
mod read_model;
mod runner;

pub use self::{
    handled::{WaitError, wait_for},
    handler::{Handler, IntoHandler, ProjectionHandler, ReactorHandler, ViewHandler, role},
    log_source::{LogReader, LogSource},
    parked_keys::{ParkedGroup, ParkedKeys},
    read_model::ReadModel,
    runner::{
        ErrorAction, Failure, LogRunner, ReadTypes, Runner, RunnerError, RunnerErrorKind, SkipError,
    },
};
