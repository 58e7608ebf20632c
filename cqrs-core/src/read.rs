//! The read side: runs views, reactors and projections, and queries views.

mod handled;
mod handler;
mod log_source;
mod read_model;
mod runner;

pub use self::{
    handled::wait_for,
    handler::{Handler, IntoHandler, ProjectionHandler, ReactorHandler, ViewHandler, role},
    log_source::{LogReader, LogSource},
    read_model::ReadModel,
    runner::{LogRunner, Runner, RunnerError, RunnerErrorKind, SkipError},
};
