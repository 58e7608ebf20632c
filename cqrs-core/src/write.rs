//! The write side: loads, decides and appends.

mod repository;
mod simulation;

pub use self::{
    repository::{Execute, ExecuteError, Executed, Loaded, Repository, SnapshotPolicy},
    simulation::Simulation,
};
