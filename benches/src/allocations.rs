//! How often memory was asked for.

/// So far, by this process; none unless the feature `allocations` counts them.
#[cfg(not(feature = "allocations"))]
pub(crate) fn so_far() -> Option<usize> {
    None
}

#[cfg(feature = "allocations")]
pub(crate) use counted::so_far;

#[cfg(feature = "allocations")]
mod counted {
    use std::alloc::System;

    use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    pub(crate) fn so_far() -> Option<usize> {
        let stats = ALLOCATOR.stats();
        Some(stats.allocations + stats.reallocations)
    }
}
