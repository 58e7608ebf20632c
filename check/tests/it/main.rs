//! The checker on real stores: it finds nothing in ours, and every fault that is planted.

mod memory;
mod postgres;
