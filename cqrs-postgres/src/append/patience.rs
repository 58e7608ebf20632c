//! What an append does about guards that are held.

use super::turns::Guarded;

/// What to do about guards that are held.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience<'a> {
    /// Waits for none.
    Tries,
    /// Waits for one, then tries the others.
    WaitsFor(&'a Guarded),
    /// Waits for all, one after the other, in one order for everybody.
    Waits,
}
