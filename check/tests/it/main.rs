//! The checker on real stores: it finds nothing in ours, and every planted bug.

mod memory;
mod postgres;
