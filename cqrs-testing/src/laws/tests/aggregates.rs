//! Planted bugs in aggregates.

mod decisions;
mod events;
mod old_events;
mod purse;
mod states;

use super::*;
use crate::{Spec, laws::AggregateLaws, spec::fails::failure};

/// Asks all laws of an aggregate that has a snapshot.
macro_rules! broken_laws_of {
    ($aggregate:ty) => {{
        let laws = AggregateLaws::<$aggregate>::new(purse::any_command()).config(config());
        broken_laws!(
            laws,
            handle_and_apply_never_panic()
            a_decision_is_the_same_twice()
            a_replay_is_deterministic()
            a_snapshot_at_any_cut_is_transparent()
            events_survive_encoding()
        )
    }};
}
use broken_laws_of;
