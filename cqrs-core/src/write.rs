//! The write side: loads, decides and appends.

mod attempts;
mod command_store;
mod decision;
mod error;
mod execute_all;
pub(crate) mod history;
mod loaded;
pub(crate) mod participants;
mod repository;
pub(crate) mod request;
mod simulation;

pub use self::{
    command_store::CommandStore,
    error::ExecuteError,
    execute_all::{ExecuteAll, ExecutedAll},
    loaded::Loaded,
    repository::{ByCommand, ByFunction, Decide, Execute, Executed, Repository, SnapshotPolicy},
    simulation::Simulation,
};
