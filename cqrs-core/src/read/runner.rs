//! The runner: it connects a source, a handler and a store.

mod attempt;
mod batch_error;
mod catch_up;
mod caught;
mod claim;
mod claimed;
mod continue_after;
mod dead_letters;
mod error;
mod failed;
mod failure;
mod newer;
mod newer_type;
mod over_log;
mod parked;
mod partitions;
mod redrive;
mod report;
mod resolve;
mod selection;
mod skip;
mod skip_error;
mod skip_record;
mod tally;
mod waiting;
mod worker;

use std::{sync::Arc, time::Duration};

pub use self::{
    error::{ReadTypes, RunnerError, RunnerErrorKind},
    failure::{ErrorAction, Failure},
    skip_error::SkipError,
};
use self::{failure::FailurePolicy, partitions::Partitions};
use crate::{
    model::{EventFilter, RetryPolicy},
    ports::{
        Checkpoints, CommitError, Control, DeadLetters, Inbox, Parking, Source, StoreError,
        Subscriber,
    },
    read::{
        handler::{Handler, IntoHandler},
        log_source::LogSource,
    },
    run_loop::{
        self, Progress, ProgressReporter,
        batch_limit::{self, BatchSizes},
    },
};

/// The default size of the first batch, in events.
const FIRST_BATCH: usize = 1_000;

/// A runner over the store's own log.
///
/// ```
/// # use cqrs_core::{DocumentKeys, Envelope, Event, MemoryEventStore, Runner, View};
/// use cqrs_core::read::{LogRunner, ViewHandler};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Booked }
/// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
/// # struct Seats;
/// # impl View for Seats {
/// #     const NAME: &'static str = "seats"; type Events = SeatEvent; type Document = ();
/// #     fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> { Some(()) }
/// # }
///
/// /// A field that holds a runner names the handler of its role.
/// struct App {
///     seats: LogRunner<MemoryEventStore, ViewHandler<Seats>>,
/// }
/// # fn app(store: &MemoryEventStore) -> Result<App, Box<dyn std::error::Error>> {
/// let seats = Runner::over_log(store, Seats)?;
/// Ok(App { seats })
/// # }
/// # assert_eq!(app(&MemoryEventStore::default())?.seats.subscription(), "seats");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type LogRunner<S, H> = Runner<S, H, LogSource<S>>;

/// Runs a role: reads a batch from a source, handles it and moves the checkpoint in one transaction.
///
/// **Invariant**: the effects of a batch and its checkpoint commit together under the claim's epoch, or not at all. So every
/// event takes effect exactly once, even if a runner is killed, retries or runs twice.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # struct Balances;
/// # impl View for Balances {
/// #     const NAME: &'static str = "balances"; type Events = AccountEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, balance: Option<u64>, event: &Envelope<AccountEvent>) -> Option<u64> {
/// #         let AccountEvent::Deposited { cents } = &event.event;
/// #         Some(balance.unwrap_or_default() + cents)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let stop = async {};
/// // Runs until `stop` resolves, for example at a signal.
/// Runner::over_log(&store, Balances)?.run(stop).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Runner<S, H, R> {
    store: S,
    handler: Arc<H>,
    source: R,
    sizes: BatchSizes,
    policy: FailurePolicy,
    dead_letters: Option<Arc<dyn DeadLetters>>,
    reporter: ProgressReporter,
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Source> Runner<S, H, R> {
    /// A runner over another source, for example Kafka topics.
    ///
    /// # Errors
    /// When the role's events are not externally tagged enums.
    pub fn over<Role>(
        store: &S,
        role: impl IntoHandler<S, Role, Handler = H>,
        source: R,
    ) -> Result<Self, RunnerError> {
        let handler = role.into_handler();
        reads(&handler)?;
        Ok(Self::new(store, Arc::new(handler), source))
    }

    fn new(store: &S, handler: Arc<H>, source: R) -> Self {
        let largest = handler.largest_batch();
        let first = largest.min(FIRST_BATCH);
        Self {
            store: store.clone(),
            sizes: BatchSizes { first, largest },
            policy: FailurePolicy::default(),
            dead_letters: None,
            handler,
            source,
            reporter: ProgressReporter::default(),
        }
    }

    /// Sets the maximum number of events in one transaction. By default it starts at 1,000 and doubles while batches are
    /// full: up to 16,000 for a view. A projection stays at 1,000 and a reactor at 500.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.sizes = BatchSizes::up_to(events.max(1));
        self
    }

    /// Sets what to do about an event that the role cannot handle. Everything before it is handled then, and the store works.
    ///
    /// By default an event is tried five times, and then its stream is [parked](ErrorAction::Park) with a warning; an event that cannot be
    /// decoded is parked at once. A source that keeps no records ([`Reader::keep_records`](crate::ports::Reader::keep_records)) can have
    /// nothing parked or skipped: the runner stops, unless the answer is to retry. An event that newer code wrote is no failure: the runner waits in front of it.
    ///
    /// ```
    /// # use cqrs_core::{DocumentKeys, Envelope, Event, MemoryEventStore, Runner, View};
    /// use cqrs_core::{model::FailureKind, read::ErrorAction};
    /// # #[derive(serde::Serialize, serde::Deserialize)] enum SeatEvent { Booked }
    /// # impl Event for SeatEvent { const CATEGORY: &'static str = "seat"; }
    /// # struct Seats;
    /// # impl View for Seats {
    /// #     const NAME: &'static str = "seats"; type Events = SeatEvent; type Document = ();
    /// #     fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys { event.id().into() }
    /// #     fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> { Some(()) }
    /// # }
    /// # let store = MemoryEventStore::default();
    ///
    /// let runner = Runner::over_log(&store, Seats)?.on_failure(|failure| match failure.kind {
    ///     FailureKind::Refused => ErrorAction::Stop,
    ///     _ if failure.attempts < 10 => ErrorAction::Retry,
    ///     _ => ErrorAction::Park,
    /// });
    /// # drop(runner);
    /// # Ok::<(), cqrs_core::read::RunnerError>(())
    /// ```
    #[must_use]
    pub fn on_failure(
        mut self,
        decide: impl Fn(&Failure<'_>) -> ErrorAction + Send + Sync + 'static,
    ) -> Self {
        self.policy.decide = Some(Arc::new(decide));
        self
    }

    /// Sets how often an event is tried before its stream is parked, unless [`on_failure`](Self::on_failure) decides that, and how long the
    /// runner waits after each failure. By default five times, with waits of up to 5 ms at first and up to 5 s later.
    ///
    /// Temporary failures of the store or the source are retried with the same waits, and without a limit.
    #[must_use]
    pub const fn retry(mut self, policy: RetryPolicy) -> Self {
        self.policy.retry = policy;
        self
    }

    /// Sets how many keys of the subscription are parked at most; 100 by default. When another one would be parked, the runner stops
    /// with [`RunnerErrorKind::TooManyParked`]: so many failures have a common cause.
    #[must_use]
    pub const fn park_at_most(mut self, keys: u64) -> Self {
        self.policy.park_at_most = keys;
        self
    }

    /// Also publishes each record of a topic that could not be handled, when its key is parked: to other services, as dead letters. By
    /// default nothing is published. Over the log there are no records, and nothing is published either.
    ///
    /// A record is published at least once, as long as it is in front of a parked key: also after a kill, by the next owner of the
    /// partition. The records that wait behind it are not published; one of them is when it has come to the front and has failed. Nothing
    /// waits for this: while it fails, the runner tries again, with a warning after five seconds.
    #[must_use]
    pub fn dead_letters(mut self, publisher: impl DeadLetters) -> Self {
        self.dead_letters = Some(Arc::new(publisher));
        self
    }

    /// Sets how long the role may take for a batch; five minutes by default. A batch that takes longer is rolled back and tried again in
    /// parts, down to the event that takes so long.
    #[must_use]
    pub const fn batch_time(mut self, limit: Duration) -> Self {
        self.policy.batch_time = limit;
        self
    }

    /// The name of the subscription.
    #[must_use]
    pub fn subscription(&self) -> &str {
        self.handler.subscription()
    }

    /// A handle to the runner's progress. It can be read while the runner runs and after it has ended.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.reporter.progress()
    }

    /// Runs until `stop` resolves, then finishes and commits the current batches and gives its partitions back.
    ///
    /// Temporary failures are retried without limit, also at the start: an unavailable store or broker, a conflict, a fence.
    ///
    /// # Errors
    /// The first failure that a retry cannot fix. Other partitions finish their current batch first.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), RunnerError> {
        let subscription = self.subscription().to_owned();
        let reporter = self.reporter.clone();
        // Boxed, so that a program that awaits several runners has small futures.
        let mut partitions = Partitions::new(self);
        let outcome = Box::pin(run_loop::run(&mut partitions, stop)).await;
        let outcome = outcome.map_err(|kind| RunnerError::new(&subscription, kind));
        reporter.ended(None, outcome.as_ref().err().map(|error| error as _));
        outcome
    }

    /// Tells the source who reads.
    async fn introduce(&mut self) -> Result<(), StoreError> {
        let log = self.store.identity().await?;
        let subscriber = Subscriber::new(self.handler.subscription(), log.place());
        self.source.read_for(subscriber);
        Ok(())
    }
}

impl<S: Control, H: Handler<S>, R: Source> Runner<S, H, R> {
    /// Reads the topics of the subscription from their beginning with the next [`run`](Self::run), and handles only the events
    /// that it did not have.
    ///
    /// It is the way on after a topic was deleted and created again, and published again
    /// ([`Relay::publish_again`](crate::Relay::publish_again)). An event of another producer has no log and no position: it is
    /// handled again. Runners of the subscription that run are fenced. The store records the operation with the reason.
    ///
    /// # Errors
    /// The store's; an empty reason is one.
    pub async fn rewind(&self, reason: &str) -> Result<(), CommitError> {
        self.store.rewind(self.handler.subscription(), reason).await
    }
}

fn reads<S: Checkpoints, H: Handler<S>>(handler: &H) -> Result<Vec<EventFilter>, RunnerError> {
    let reads = handler.reads();
    reads.map_err(|error| RunnerError::new(handler.subscription(), error))
}

#[cfg(test)]
mod tests;
