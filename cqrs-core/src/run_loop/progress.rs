//! The progress of a loop: the loop writes it, and others can read it, even after the loop has ended.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tokio::sync::watch;

use super::rate::Rate;
use crate::{
    model::{Checkpoint, PartitionId, RecordedEvent, chain},
    ports::Lag,
};

/// The phase of a runner, a relay or a source of events.
///
/// ```
/// # use cqrs_core::run_loop::Phase;
/// # use std::time::Duration;
/// /// For the health check of a process.
/// fn is_healthy(phase: &Phase) -> bool {
///     match phase {
///         Phase::Retrying { since, .. } => since.elapsed() < Duration::from_secs(60),
///         phase => !phase.has_ended(),
///     }
/// }
/// assert!(is_healthy(&Phase::CaughtUp));
/// assert!(!is_healthy(&Phase::Failed("the store is not installed".to_owned())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It has no partition yet: it was not started, it waits for its store or broker, or other processes have all partitions.
    Starting,
    /// It reads and handles events.
    Reading,
    /// It has handled all events, and waits for more.
    CaughtUp,
    /// It waits, because an operator has [paused](crate::ports::Control::pause) it.
    Paused,
    /// It retries after a temporary failure.
    Retrying {
        /// The time of the first failure.
        since: Instant,
        /// The number of failures, including the first.
        attempts: u32,
    },
    /// It was stopped and has finished.
    Stopped,
    /// It has ended with this error.
    Failed(String),
    /// It has ended without a report: its future was dropped, or its task was aborted or panicked.
    Gone,
}

impl Phase {
    /// Whether the phase is final.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Stopped | Self::Failed(_) | Self::Gone)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Reading => f.write_str("reading"),
            Self::CaughtUp => f.write_str("caught up"),
            Self::Paused => f.write_str("paused"),
            Self::Retrying { since, attempts } => {
                let seconds = since.elapsed().as_secs();
                write!(f, "retrying for {seconds} s after {attempts} failures")
            }
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(error) => write!(f, "failed: {error}"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// The progress of one partition, or of one shard of a relay.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartitionProgress {
    /// Its phase; [`Phase::Stopped`] after it was given back.
    pub phase: Phase,
    /// How far it was read; `None` before its first event.
    pub checkpoint: Option<Checkpoint>,
    /// How often a runner has waited in front of an event that newer code wrote.
    pub newer_events: u64,
    /// How many keys of a runner are parked: their events wait until they are redriven or discarded.
    pub parked_keys: u64,
    /// How far it is behind; `None` before its first read. It costs no statement, because it comes from what the loop reads anyway:
    ///
    /// - **Runner and relay**: the events of the page that was read last, *or more*: the log may go on behind them. The
    ///   [overview](crate::ports::Inspect::overview) counts further.
    /// - **Kafka source**: the offsets between what was taken and the end of the partition, as the consumer has reported it within the last
    ///   second; with the markers of transactions, so a few more than events.
    /// - **Age**: that of the first of these events, by the clock of this process at the moment of the question. It goes on while the
    ///   event is retried.
    ///
    /// [`Lag::NONE`] is as old as the last look for new events: a quarter of a second at most, unless the phase says otherwise.
    pub lag: Option<Lag>,
    /// How many events it has handled in a second, over the last ten seconds.
    pub events_per_second: f64,
}

/// The progress of a runner, a relay or a source: its phase, how far it is and how far behind, how fast, and its last error. It is a cheap handle that can still be read after the loop has ended.
///
/// Get it before the loop runs: [`Runner::progress`](crate::Runner::progress),
/// [`Relay::progress`](crate::Relay::progress).
///
/// ```
/// use cqrs_core::{MemoryEventStore, Runner, run_loop::Phase};
/// # use cqrs_core::{DocumentKeys, Envelope, Event, View};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Booked }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # struct Seats;
/// # impl View for Seats {
/// #     const NAME: &'static str = "seats"; type Events = SeatEvent; type Document = ();
/// #     fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> { Some(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runner = Runner::over_log(&MemoryEventStore::default(), Seats)?;
/// let mut progress = runner.progress();
/// let caught_up = async { drop(progress.until(|phase| *phase == Phase::CaughtUp).await) };
/// runner.run(caught_up).await?;
/// assert_eq!(progress.phase(), Phase::Stopped);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Progress(watch::Receiver<State>);

impl Progress {
    /// The phase. With several partitions: retrying if one of them is, caught up if all of them are.
    #[must_use]
    pub fn phase(&self) -> Phase {
        // Check this first: a phase that is read after the writer was dropped is final.
        let gone = self.0.has_changed().is_err();
        match self.0.borrow().phase() {
            phase if gone && !phase.has_ended() => Phase::Gone,
            phase => phase,
        }
    }

    /// Its partitions, or the shards of a relay.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<PartitionId, PartitionProgress> {
        let state = self.0.borrow();
        let partitions = state.partitions.iter();
        let partitions = partitions.map(|(id, found)| (id.clone(), found.now()));
        partitions.collect()
    }

    /// How far it is behind, with all of its partitions that have not ended: their events together, and the age of the oldest. `None` before
    /// the first read. [`PartitionProgress::lag`] says where it comes from.
    #[must_use]
    pub fn lag(&self) -> Option<Lag> {
        let state = self.0.borrow();
        let active = state.partitions.values();
        let active = active.filter(|found| !found.progress.phase.has_ended());
        let lags = active.filter_map(|found| found.now().lag);
        lags.reduce(|one, other| {
            let events = one.events.saturating_add(other.events);
            Lag::new(
                events,
                one.at_least || other.at_least,
                one.age.max(other.age),
            )
        })
    }

    /// How many events it has handled in a second, over the last ten seconds.
    #[must_use]
    pub fn events_per_second(&self) -> f64 {
        let state = self.0.borrow();
        let partitions = state.partitions.values();
        partitions.map(|found| found.rate.per_second()).sum()
    }

    /// The last error with its sources, even if a retry succeeded since.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.0.borrow().last_error.clone()
    }

    /// Waits for a wanted phase or for the end. Returns the phase.
    pub async fn until(&mut self, wanted: impl Fn(&Phase) -> bool) -> Phase {
        loop {
            self.0.mark_unchanged();
            let phase = self.phase();
            if phase.has_ended() || wanted(&phase) {
                return phase;
            }
            // An error means that the writer was dropped; the next round detects that.
            let _ = self.0.changed().await;
        }
    }
}

/// Writes a [`Progress`], for sources and other loops. All clones write the same one.
#[derive(Debug, Clone)]
pub struct ProgressReporter(Arc<watch::Sender<State>>);

impl Default for ProgressReporter {
    fn default() -> Self {
        Self(Arc::new(watch::channel(State::default()).0))
    }
}

impl ProgressReporter {
    /// A handle for readers.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress(self.0.subscribe())
    }

    /// Reports that reading of the partition starts here. A retrying partition keeps its phase until
    /// [`reading`](Self::reading) or [`caught_up`](Self::caught_up).
    pub fn started(&self, partition: &PartitionId, checkpoint: Option<Checkpoint>) {
        self.0.send_modify(|state| {
            state.whole = Phase::Reading;
            let progress = state.partition(partition);
            progress.checkpoint = checkpoint;
            if !matches!(progress.phase, Phase::Retrying { .. }) {
                progress.phase = Phase::Reading;
            }
        });
    }

    /// Reports that the partition was read up to this checkpoint.
    pub fn reading(&self, partition: &PartitionId, checkpoint: Option<Checkpoint>) {
        self.0.send_modify(|state| {
            state.whole = Phase::Reading;
            let progress = state.partition(partition);
            progress.phase = Phase::Reading;
            progress.checkpoint = checkpoint;
        });
    }

    /// Reports that all events of the partition were handled.
    pub fn caught_up(&self, partition: &PartitionId) {
        self.0.send_if_modified(|state| {
            let found = state.found(partition);
            let caught_up = Some(Behind::default());
            let changed = found.progress.phase != Phase::CaughtUp || found.behind != caught_up;
            found.progress.phase = Phase::CaughtUp;
            found.behind = caught_up;
            changed
        });
    }

    /// Reports events that were read, and are not handled yet: they are behind the partition, and perhaps more.
    pub fn behind(&self, partition: &PartitionId, events: &[RecordedEvent]) {
        let behind = Behind {
            events: events.len() as u64,
            at_least: true,
            first: events.first().map(|event| event.recorded_at),
        };
        self.0
            .send_modify(|state| state.found(partition).behind = Some(behind));
    }

    /// Reports how many events are behind the partition, where somebody knows it. The first of them is the one that was reported last.
    pub fn counted(&self, partition: &PartitionId, events: u64) {
        self.0.send_modify(|state| {
            let found = state.found(partition);
            found.behind = Some(Behind {
                events,
                at_least: false,
                first: found.behind.and_then(|behind| behind.first),
            });
        });
    }

    /// Reports that so many events were handled.
    pub fn handled(&self, partition: &PartitionId, events: usize) {
        self.0
            .send_modify(|state| state.found(partition).rate.add(events as u64));
    }

    /// Reports that the partition waits for an operator.
    pub fn paused(&self, partition: &PartitionId) {
        self.0.send_if_modified(|state| {
            let started = state.whole != Phase::Reading;
            state.whole = Phase::Reading;
            let phase = state.phase_of(Some(partition));
            let changed = started || *phase != Phase::Paused;
            *phase = Phase::Paused;
            changed
        });
    }

    /// Reports a failure of the partition, or of the whole loop, that is retried.
    pub fn retrying(&self, partition: Option<&PartitionId>, error: &(dyn Error + 'static)) {
        let error = chain(error).to_string();
        self.0.send_modify(|state| {
            state.last_error = Some(error);
            if partition.is_some() && !state.whole.has_ended() {
                // The loop has started, though this partition has not read anything yet.
                state.whole = Phase::Reading;
            }
            let phase = state.phase_of(partition);
            *phase = match *phase {
                Phase::Retrying { since, attempts } => Phase::Retrying {
                    since,
                    attempts: attempts.saturating_add(1),
                },
                _ => Phase::Retrying {
                    since: Instant::now(),
                    attempts: 1,
                },
            };
        });
    }

    /// Reports that the partition waits in front of an event that newer code wrote.
    pub fn newer_event(&self, partition: &PartitionId) {
        self.0
            .send_modify(|state| state.partition(partition).newer_events += 1);
    }

    /// Reports how many keys of the partition are parked.
    pub fn parked(&self, partition: &PartitionId, keys: u64) {
        self.0
            .send_modify(|state| state.partition(partition).parked_keys = keys);
    }

    /// Records an error that does not stop the work. The phase does not change.
    pub fn noted(&self, error: &(dyn Error + 'static)) {
        let error = chain(error).to_string();
        self.0.send_modify(|state| state.last_error = Some(error));
    }

    /// Reports that the partition, or the whole loop, has ended: after a stop, or with an error.
    pub fn ended(&self, partition: Option<&PartitionId>, error: Option<&(dyn Error + 'static)>) {
        let error = error.map(|error| chain(error).to_string());
        self.0.send_modify(|state| {
            let phase = match &error {
                Some(error) => Phase::Failed(error.clone()),
                None => Phase::Stopped,
            };
            *state.phase_of(partition) = phase;
            state.last_error = error.or(state.last_error.take());
        });
    }
}

/// What is known of a partition.
#[derive(Debug)]
struct Found {
    progress: PartitionProgress,
    behind: Option<Behind>,
    rate: Rate,
}

/// The events that were read and are not handled yet.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Behind {
    events: u64,
    at_least: bool,
    /// When the first of them was recorded.
    first: Option<SystemTime>,
}

impl Found {
    fn new() -> Self {
        Self {
            progress: PartitionProgress {
                phase: Phase::Starting,
                checkpoint: None,
                newer_events: 0,
                parked_keys: 0,
                lag: None,
                events_per_second: 0.0,
            },
            behind: None,
            rate: Rate::new(),
        }
    }

    /// The progress, with what depends on the time.
    fn now(&self) -> PartitionProgress {
        let lag = self.behind.map(|behind| {
            let age = behind
                .first
                .map(|first| first.elapsed().unwrap_or_default());
            Lag::new(behind.events, behind.at_least, age)
        });
        PartitionProgress {
            lag,
            events_per_second: self.rate.per_second(),
            ..self.progress.clone()
        }
    }
}

#[derive(Debug)]
struct State {
    /// The phase of the whole loop. [`Phase::Reading`] means that the phases of the partitions count.
    whole: Phase,
    partitions: BTreeMap<PartitionId, Found>,
    last_error: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            whole: Phase::Starting,
            partitions: BTreeMap::new(),
            last_error: None,
        }
    }
}

impl State {
    fn partition(&mut self, id: &PartitionId) -> &mut PartitionProgress {
        &mut self.found(id).progress
    }

    fn found(&mut self, id: &PartitionId) -> &mut Found {
        // `entry` would copy the name each time.
        if !self.partitions.contains_key(id) {
            self.partitions.insert(id.clone(), Found::new());
        }
        self.partitions.get_mut(id).expect("it was inserted")
    }

    fn phase_of(&mut self, partition: Option<&PartitionId>) -> &mut Phase {
        match partition {
            Some(id) => &mut self.partition(id).phase,
            None => &mut self.whole,
        }
    }

    fn phase(&self) -> Phase {
        if self.whole != Phase::Reading {
            return self.whole.clone();
        }
        let partitions = self.partitions.values();
        let partitions = partitions.map(|partition| &partition.progress.phase);
        let active = partitions.filter(|phase| !phase.has_ended());
        active.cloned().reduce(combined).unwrap_or(Phase::Starting)
    }
}

/// The combined phase of two partitions.
fn combined(one: Phase, other: Phase) -> Phase {
    match (one, other) {
        (
            Phase::Retrying { since, attempts },
            Phase::Retrying {
                since: other_since,
                attempts: other_attempts,
            },
        ) => Phase::Retrying {
            since: since.min(other_since),
            attempts: attempts.max(other_attempts),
        },
        (retrying @ Phase::Retrying { .. }, _) | (_, retrying @ Phase::Retrying { .. }) => retrying,
        (one, other) if one == other => one,
        _ => Phase::Reading,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Offset, Slices};

    fn shard(number: u16) -> PartitionId {
        PartitionId::Log(Slices::part(number, 2))
    }

    fn at(offset: u64) -> Option<Checkpoint> {
        Some(Checkpoint {
            offset: Offset::new(offset),
            event_id: None,
        })
    }

    #[test]
    fn the_phase_combines_all_partitions() {
        let reporter = ProgressReporter::default();
        let progress = reporter.progress();
        assert_eq!(progress.phase(), Phase::Starting);
        reporter.reading(&shard(0), at(7));
        reporter.caught_up(&shard(0));
        assert_eq!(progress.phase(), Phase::CaughtUp);
        reporter.reading(&shard(1), None);
        assert_eq!(progress.phase(), Phase::Reading);
        for _ in 0..3 {
            reporter.retrying(Some(&shard(1)), &std::io::Error::other("injected"));
            reporter.started(&shard(1), None);
        }
        assert!(matches!(
            progress.phase(),
            Phase::Retrying { attempts: 3, .. }
        ));
        reporter.caught_up(&shard(1));
        assert_eq!(progress.phase(), Phase::CaughtUp);
        assert_eq!(progress.last_error().as_deref(), Some("injected"));
        reporter.ended(Some(&shard(1)), None);
        reporter.reading(&shard(0), at(8));
        assert_eq!(progress.phase(), Phase::Reading);
        assert_eq!(progress.partitions()[&shard(0)].checkpoint, at(8));
        assert_eq!(progress.partitions()[&shard(1)].phase, Phase::Stopped);
    }

    #[test]
    fn the_lag_is_that_of_all_partitions_that_have_not_ended() {
        let event = |seconds| {
            RecordedEvent::new(
                crate::model::EventId::random(),
                crate::model::StreamId::new(
                    crate::model::Category::new("seat").expect("valid"),
                    "1",
                )
                .expect("valid"),
                crate::model::Version::EMPTY,
                crate::model::Position::new(1),
                "Booked",
                "{}",
                SystemTime::now() - Duration::from_secs(seconds),
            )
        };
        let reporter = ProgressReporter::default();
        let progress = reporter.progress();
        reporter.started(&shard(0), None);
        assert_eq!(progress.lag(), None);
        reporter.behind(&shard(0), &[event(90), event(3)]);
        reporter.behind(&shard(1), &[event(7)]);
        let lag = progress.lag().expect("both have read");
        assert_eq!((lag.events, lag.at_least), (3, true));
        assert_eq!(lag.age.map(|age| age.as_secs()), Some(90));
        reporter.counted(&shard(1), 40);
        let counted = progress.partitions()[&shard(1)].lag.expect("has read");
        assert_eq!((counted.events, counted.at_least), (40, false));
        assert_eq!(counted.age.map(|age| age.as_secs()), Some(7));
        reporter.caught_up(&shard(0));
        let left = progress.lag().expect("both have read");
        assert_eq!((left.events, left.at_least), (40, false));
        reporter.ended(Some(&shard(1)), None);
        assert_eq!(progress.lag(), Some(Lag::NONE));
    }

    /// A store that cannot be reached at the start must not look like a start that takes long.
    #[test]
    fn a_partition_that_fails_before_it_reads_is_retrying() {
        let reporter = ProgressReporter::default();
        let progress = reporter.progress();
        reporter.retrying(Some(&shard(0)), &std::io::Error::other("injected"));
        assert!(matches!(
            progress.phase(),
            Phase::Retrying { attempts: 1, .. }
        ));
    }

    #[test]
    fn the_end_can_be_read_after_the_loop_was_dropped() {
        let reporter = ProgressReporter::default();
        let progress = reporter.progress();
        reporter.reading(&shard(0), at(7));
        reporter.ended(None, None);
        drop(reporter);
        assert_eq!(progress.phase(), Phase::Stopped);
        assert_eq!(progress.partitions()[&shard(0)].checkpoint, at(7));

        let reporter = ProgressReporter::default();
        let progress = reporter.progress();
        reporter.ended(None, Some(&std::io::Error::other("injected")));
        drop(reporter);
        assert_eq!(progress.phase(), Phase::Failed("injected".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_is_dropped_before_its_end_is_gone() {
        let reporter = ProgressReporter::default();
        let mut progress = reporter.progress();
        reporter.reading(&shard(0), None);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(reporter);
        });
        assert_eq!(progress.until(|_| false).await, Phase::Gone);
    }
}
