//! Counts allocations.

/// The allocations of this process so far; `None` without the feature `allocations`.
#[cfg(not(feature = "allocations"))]
pub(crate) fn count() -> Option<usize> {
    None
}

#[cfg(feature = "allocations")]
pub(crate) use counted::count;

#[cfg(feature = "allocations")]
mod counted {
    use std::alloc::System;

    use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    pub(crate) fn count() -> Option<usize> {
        let stats = ALLOCATOR.stats();
        Some(stats.allocations + stats.reallocations)
    }
}
