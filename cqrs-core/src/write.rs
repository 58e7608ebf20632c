//! The write side: loads, decides and appends.

mod attempts;
mod command_store;
mod decision;
mod execute_all;
mod loaded;
pub(crate) mod participants;
mod repository;
pub(crate) mod request;
mod simulation;

pub use self::{
    command_store::CommandStore,
    execute_all::{ExecuteAll, ExecuteAllError, ExecutedAll},
    loaded::Loaded,
    repository::{
        ByCommand, ByFunction, Decide, Execute, ExecuteError, Executed, Repository, SnapshotPolicy,
    },
    simulation::Simulation,
};
