//! The checker on real stores: it finds no violation in ours, and every planted bug.

mod memory;
mod postgres;
mod runner;
