//! Finds the longest time in which a reader did not advance although it had acknowledged events to read.

mod causes;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::causes::StallCauses;
use crate::{faults::FaultInjector, run_state::RunState};

/// How often to look at the positions of the readers.
const INTERVAL: Duration = Duration::from_millis(20);

/// A time in which a reader did not advance.
#[derive(Debug, Clone, Serialize)]
pub struct Stall {
    /// How long it was, give or take 20 ms.
    pub seconds: f64,
    /// When it began, in seconds of the run.
    pub at_second: f64,
    /// The number of the reader.
    pub reader: usize,
    /// The position of the reader.
    pub position: u64,
    /// What blocked the reader, according to the store. Empty if the stall was too short to ask.
    pub causes: Vec<String>,
}

/// A reader that does not advance.
#[derive(Debug, Clone, Copy)]
struct StalledReader {
    reader: usize,
    position: u64,
    since: Instant,
}

/// Watches the readers until the end of the log is known. Returns the longest stall.
pub(crate) async fn watch<T: Send + 'static, F: FaultInjector<T>>(
    state: Arc<RunState>,
    faults: Arc<F>,
) -> Option<Stall> {
    let mut readers = all_readers(&state);
    let mut causes = StallCauses::new(faults);
    let mut longest: Option<Stall> = None;
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while state.end().is_none() {
        tick.tick().await;
        let Some(stalled) = longest_stalled(&state, &mut readers) else {
            continue;
        };
        causes.update(stalled).await;
        let seconds = stalled.since.elapsed().as_secs_f64();
        if longest.as_ref().is_none_or(|stall| seconds > stall.seconds) {
            longest = Some(Stall {
                seconds,
                at_second: state.started.elapsed().as_secs_f64() - seconds,
                reader: stalled.reader,
                position: stalled.position,
                causes: causes.descriptions(),
            });
        }
    }
    longest
}

fn all_readers(state: &RunState) -> Vec<StalledReader> {
    let since = Instant::now();
    let positions = state.reader_positions().enumerate();
    positions
        .map(|(reader, position)| StalledReader {
            reader,
            position,
            since,
        })
        .collect()
}

/// The reader that has not advanced for the longest time and has something acknowledged to read.
fn longest_stalled(state: &RunState, readers: &mut [StalledReader]) -> Option<StalledReader> {
    let now = Instant::now();
    let last_position = state.last_position();
    for (reader, position) in readers.iter_mut().zip(state.reader_positions()) {
        if position != reader.position || position >= last_position {
            reader.position = position;
            reader.since = now;
        }
    }
    let longest = readers.iter().min_by_key(|reader| reader.since)?;
    (longest.since < now).then_some(*longest)
}
