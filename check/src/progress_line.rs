//! Prints a line every few seconds during a long run.

use std::{sync::Arc, time::Duration};

use crate::{faults::FaultInjector, run_state::RunState};

const INTERVAL: Duration = Duration::from_secs(5);

/// Prints until it is dropped, if the plan says so.
pub(crate) async fn print_progress<T: Send, F: FaultInjector<T>>(
    state: Arc<RunState>,
    faults: Arc<F>,
) {
    if !state.plan.progress {
        return;
    }
    let mut before = 0;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let commits = state.commits();
        let rate = (commits - before) / INTERVAL.as_secs();
        let slowest = state.reader_positions().min().unwrap_or_default();
        let lag = state.last_position().saturating_sub(slowest);
        let counts = faults.counts();
        eprintln!(
            "{:6.0} s  {commits:>9} commits  {rate:>6}/s  slowest reader {lag} positions behind  {} kills  {} crashes",
            state.started.elapsed().as_secs_f64(),
            counts.killed,
            counts.crashes
        );
        before = commits;
    }
}
