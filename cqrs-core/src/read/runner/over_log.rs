//! Makes a runner over the store's own log.

use std::sync::Arc;

use super::{LogRunner, RunnerError, parked::slice_of, reads};
use crate::{
    model::PartitionedBy,
    ports::{Inbox, Parking, Partitions},
    read::{
        handler::{Handler, IntoHandler},
        log_source::LogSource,
    },
};

impl<S: Partitions + Inbox + Parking, H: Handler<S>> LogRunner<S, H> {
    /// A runner over the store's own log.
    ///
    /// Run it in as many processes as you like: they share the [partitions](Self::partitions) of the subscription. If there are fewer
    /// partitions than processes, the others wait, and take over when one ends, dies or is cut off for longer than the store's
    /// [lease](crate::ports::Leases::lease_times) (15 s by default).
    ///
    /// # Errors
    /// When the role's events are not externally tagged enums.
    pub fn over_log<Role>(
        store: &S,
        role: impl IntoHandler<S, Role, Handler = H>,
    ) -> Result<Self, RunnerError> {
        let handler = Arc::new(role.into_handler());
        let mut source = LogSource::new(store, handler.subscription(), reads(&*handler)?);
        if handler.partitioned_by() == PartitionedBy::OrderingKey {
            let handler = Arc::clone(&handler);
            source = source.by_key(move |event| slice_of::<S>(&*handler, event));
        }
        Ok(Self::new(store, handler, source))
    }

    /// Sets the number of partitions for the first start of the subscription, 1 to 1,024; 1 by default. Afterwards the store's number
    /// counts, so that two releases of a service do not fight over it: [`repartition`](crate::ports::Control::repartition) changes it.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.source = self.source.partitions(partitions);
        self
    }
}
