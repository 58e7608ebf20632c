//! The error of a runner.

use std::{error::Error, fmt};

use crate::{
    codec::CodecError,
    model::{EventFilter, FailedEvent, FailureKind, PartitionId, PartitionedBy, RoleKind},
    ports::{BoxError, SourceError, StoreError},
};

/// A runner that ended before it was stopped. The log and the checkpoints are as the last committed batch left them.
///
/// A runner ends only with failures that a retry cannot fix. [`chain`](crate::chain) prints it with its sources.
///
/// ```
/// # use cqrs_core::{HandlerError, chain, memory::MemoryTransaction, prelude::*, read::{ErrorAction, RunnerErrorKind}};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # struct Balances;
/// # #[async_trait::async_trait]
/// # impl Projection<MemoryEventStore> for Balances {
/// #     type Events = AccountEvent;
/// #     fn name(&self) -> &str { "balances" }
/// #     async fn project(&self, _: &mut MemoryTransaction, new: &[Envelope<AccountEvent>])
/// #         -> Result<(), HandlerError>
/// #     {
/// #         Err(HandlerError::poison(new[0].recorded.id, "no account for ann; insert it"))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let events = [AccountEvent::Deposited { cents: 500 }];
/// # store.append(cqrs_core::ports::Append::of("ann", ExpectedVersion::Any, &events)?).await?;
/// # let stop = std::future::pending();
/// # let mut poison = false;
/// let runner = Runner::over_log(&store, Balances)?.on_failure(|_| ErrorAction::Stop);
/// if let Err(error) = runner.run(stop).await {
///     // subscription "balances" stopped on log slices 0..1024 before account-ann@1 (Deposited), position 1 (refused); ..: no account ..
///     eprintln!("{}", chain(&error));
///     if let RunnerErrorKind::Poison { event, .. } = &error.kind {
///         eprintln!("fix the projection for the events of type {}, then start it again", event.event_type);
/// #       poison = true;
///     }
/// #   let text = chain(&error).to_string();
/// #   let start = r#"subscription "balances" stopped on log slices 0..1024 before account-ann@1 (Deposited)"#;
/// #   assert!(text.starts_with(start), "{text}");
/// }
/// # assert!(poison);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RunnerError {
    /// The subscription.
    pub subscription: String,
    /// The kind of failure.
    pub kind: RunnerErrorKind,
}

impl RunnerError {
    /// The error of this subscription.
    #[must_use]
    pub fn new(subscription: &str, kind: impl Into<RunnerErrorKind>) -> Self {
        Self {
            subscription: subscription.to_owned(),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription {:?} {}", self.subscription, self.kind)
    }
}

impl Error for RunnerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// The kind of failure that ended a runner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerErrorKind {
    /// The role cannot be run: its events are not an externally tagged enum.
    #[error("cannot be run")]
    Role(#[from] CodecError),
    /// The source cannot be read.
    #[error("cannot read its source")]
    Source(#[from] SourceError),
    /// An event cannot be handled. All events before it are committed; it is delivered again at the next start.
    ///
    /// The runner stops at one only where [`ErrorAction::Stop`](crate::read::ErrorAction::Stop) says so, or where its source keeps no
    /// records.
    #[error(
        "stopped on {partition} before {event} ({failure}); deploy code that handles it, or pass over it with `Runner::{}`",
        way_past(partition)
    )]
    Poison {
        /// The partition.
        partition: PartitionId,
        /// The event.
        event: Box<FailedEvent>,
        /// How it failed.
        failure: FailureKind,
        /// The cause, and how to fix it.
        #[source]
        reason: BoxError,
    },
    /// An event cannot be handled, and as many keys are parked as the runner allows: the cause is not in single events.
    #[error(
        "stopped on {partition} before {event}: {most} keys are parked already, so more than a few events cannot be handled; correct the \
         cause and redrive what is parked, or allow more with `Runner::park_at_most`"
    )]
    TooManyParked {
        /// The partition.
        partition: PartitionId,
        /// The event.
        event: Box<FailedEvent>,
        /// How many keys are parked at most.
        most: u64,
        /// Why this event cannot be handled.
        #[source]
        reason: BoxError,
    },
    /// The subscription reads events that it did not read before, and has passed over some of them.
    #[error(
        "reads {types} on {partition}, too, and has passed over such events, the first is {event}. Decide once, with a reason: {} to handle \
         them, or `Runner::accept_selection` to leave them out for good and handle what comes from now on",
        way_to_handle(*role)
    )]
    PassedOver {
        /// The partition.
        partition: PartitionId,
        /// The kind of the role; `None` for a handler of the application's own.
        role: Option<RoleKind>,
        /// What it reads now and did not read before.
        types: ReadTypes,
        /// The first event that was passed over, as text, with its position.
        event: String,
    },
    /// A role of another kind has this name.
    #[error(
        "is a {role}, but {partition} was read by a {recorded} of this name: give one of them another name; if the role was changed \
         into a {role}, call `Runner::accept_selection` to continue at its checkpoint"
    )]
    OtherRole {
        /// The partition.
        partition: PartitionId,
        /// The kind of the role that has read it.
        recorded: RoleKind,
        /// The kind of this role.
        role: RoleKind,
    },
    /// The events were divided among the partitions by something else.
    #[error(
        "is partitioned by {by}, but {partition} was read by {recorded}: some events would be lost, and others handled twice. Run the \
         role under another name, or reset the subscription and call `Runner::accept_selection`"
    )]
    OtherPartitioning {
        /// The partition.
        partition: PartitionId,
        /// What it was read by.
        recorded: PartitionedBy,
        /// What this role is partitioned by.
        by: PartitionedBy,
    },
    /// The store failed, and would fail again.
    #[error("cannot use its store")]
    Store(#[from] StoreError),
    /// The role panicked. Its batch was rolled back.
    #[error("panicked: {0}")]
    Panicked(String),
}

/// Categories and event types, as text: `order: Paid, Cancelled; bonus: all types`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadTypes(Vec<EventFilter>);

impl From<&[EventFilter]> for ReadTypes {
    fn from(filters: &[EventFilter]) -> Self {
        Self(filters.to_vec())
    }
}

impl fmt::Display for ReadTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all categories");
        }
        let mut last = None;
        for filter in &self.0 {
            let category = filter.category;
            match last {
                Some(last) if last == category => f.write_str(", ")?,
                Some(_) => write!(f, "; {category}: ")?,
                None => write!(f, "{category}: ")?,
            }
            last = Some(category);
            match filter.types {
                [] => f.write_str("all types")?,
                types => f.write_str(&types.join(", "))?,
            }
        }
        Ok(())
    }
}

/// What has events handled that were passed over.
const fn way_to_handle(role: Option<RoleKind>) -> &'static str {
    match role {
        Some(RoleKind::View) => "`ReadModel::reset`, which rebuilds the view,",
        _ => "`Runner::handle_passed_over`",
    }
}

/// The call that passes over one event of this partition.
const fn way_past(partition: &PartitionId) -> &'static str {
    match partition {
        PartitionId::Log(_) => "skip",
        PartitionId::Topic { .. } => "skip_record",
    }
}
