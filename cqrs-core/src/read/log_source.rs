//! The store's own log as a source.

mod ends;
mod held;
mod membership;
mod reader;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

pub use self::reader::LogReader;
use self::{
    ends::last_event,
    held::{Dropped, HeldPartition},
    membership::Membership,
    reader::{SliceOf, source_error},
};
use crate::{
    model::{EventFilter, Offset, PartitionId, RecordedEvent, Slices},
    ports::{EventStore, GivenBack, Partitions, Source, SourceError, StoreError},
};

/// For how long a partition that could not be worked on is left to others.
const AVOIDED: Duration = Duration::from_secs(60);

/// The log of a store, in partitions that the processes of a subscription share.
///
/// Each process is a *member* of the subscription from its first assignment on. A heartbeat in every quarter of a
/// [lease](crate::ports::Leases::lease_times) tells it which partitions are its own. When the source is dropped it leaves, and others take them.
#[derive(Debug)]
pub struct LogSource<S> {
    store: S,
    reads: Vec<EventFilter>,
    subscription: String,
    /// How many partitions a subscription has that nobody has started yet.
    partitions: u16,
    /// `None`: that of its stream, and the store is asked for the slices of a partition only.
    slice_of: Option<SliceOf>,
    membership: Option<Membership>,
    readers: HashMap<PartitionId, watch::Sender<bool>>,
    /// Partitions that others lack: they are released when their readers are dropped.
    giving_back: HashSet<PartitionId>,
    /// What is to be released; with a reason, it is stopped.
    releases: Vec<(PartitionId, Option<String>)>,
    /// Partitions that are not taken again at this number of heartbeats: it may be out of date.
    doubted: HashMap<PartitionId, u64>,
    dropped: (
        mpsc::UnboundedSender<Dropped>,
        mpsc::UnboundedReceiver<Dropped>,
    ),
    stopping: bool,
}

impl<S: EventStore + Partitions> LogSource<S> {
    /// The events of `store` that match `reads`, or all of them when it is empty, for a subscription. It has one partition if it
    /// was never started before.
    #[must_use]
    pub fn new(store: &S, subscription: &str, reads: Vec<EventFilter>) -> Self {
        Self {
            store: store.clone(),
            reads,
            subscription: subscription.to_owned(),
            partitions: 1,
            slice_of: None,
            membership: None,
            readers: HashMap::new(),
            giving_back: HashSet::new(),
            releases: Vec::new(),
            doubted: HashMap::new(),
            dropped: mpsc::unbounded_channel(),
            stopping: false,
        }
    }

    /// Sets the number of partitions for the first start of the subscription, 1 to 1,024. Afterwards the store's number counts:
    /// [`Control::repartition`](crate::ports::Control::repartition) changes it.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = partitions.clamp(1, Slices::COUNT);
        self
    }

    /// Has this function decide to which slice, and so to which partition, an event belongs. Each reader then reads the whole log.
    #[must_use]
    pub(crate) fn by_key(
        mut self,
        slice_of: impl Fn(&RecordedEvent) -> u16 + Send + Sync + 'static,
    ) -> Self {
        self.slice_of = Some(SliceOf(Arc::new(slice_of)));
        self
    }

    /// Makes the subscription known.
    pub(crate) async fn subscribe(&self) -> Result<(), StoreError> {
        self.store
            .subscribe(&self.subscription, self.partitions)
            .await
    }

    async fn join(&mut self) -> Result<(), SourceError> {
        if self.membership.is_none() {
            self.subscribe().await.map_err(source_error)?;
            self.membership = Some(Membership::join(&self.store, &self.subscription));
        }
        Ok(())
    }

    /// Revokes what the last heartbeat does not have any more, and what others lack.
    fn apply_heartbeat(&mut self) {
        let Some(membership) = &mut self.membership else {
            return;
        };
        let beat = membership.heartbeats.beats.borrow_and_update().clone();
        self.doubted.retain(|_, number| *number == beat.number);
        let leased = &beat.answer.leased;
        for (partition, revoke) in &self.readers {
            if !leased.iter().any(|leased| leased.partition == *partition) {
                revoke.send_replace(true);
            }
        }
        for leased in leased.iter().filter(|leased| leased.give_back) {
            let partition = &leased.partition;
            if self.doubted.contains_key(partition) {
                continue;
            }
            match self.readers.get(partition) {
                Some(revoke) => {
                    revoke.send_replace(true);
                    self.giving_back.insert(partition.clone());
                }
                // Nobody has claimed it yet; the other member lacks it all the same.
                None => {
                    self.doubted.insert(partition.clone(), beat.number);
                    self.releases.push((partition.clone(), None));
                }
            }
        }
    }

    /// A reader was dropped: its partition is handed out again, unless it is given back.
    fn note(&mut self, Dropped { partition, why }: Dropped) {
        self.readers.remove(&partition);
        let gives_back = self.giving_back.remove(&partition);
        let Some(membership) = &self.membership else {
            return;
        };
        let released = match why {
            Some(GivenBack::Stopped(reason)) => Some(Some(reason)),
            Some(GivenBack::Failing) => {
                membership.avoid(partition.clone(), Instant::now() + AVOIDED);
                Some(None)
            }
            Some(GivenBack::Lost) => None,
            None if gives_back => Some(None),
            None => return,
        };
        let number = membership.heartbeats.beats.borrow().number;
        self.doubted.insert(partition.clone(), number);
        match released {
            Some(stopped) => self.releases.push((partition, stopped)),
            None => membership.heartbeats.beat_soon(),
        }
    }

    /// Releases what was given back.
    async fn release(&mut self) -> Result<(), StoreError> {
        while let (Some((partition, stopped)), Some(membership)) =
            (self.releases.last(), &self.membership)
        {
            let stopped = stopped.as_deref();
            self.store
                .release(&self.subscription, partition, membership.member, stopped)
                .await?;
            membership.heartbeats.beat_soon();
            self.releases.pop();
        }
        Ok(())
    }

    /// A reader of a partition that is this process's own and has none.
    fn next_reader(&mut self) -> Option<LogReader<S>> {
        let membership = self.membership.as_ref()?;
        let beat = membership.heartbeats.beats.borrow();
        let is_free = |partition: &&PartitionId| {
            !self.readers.contains_key(*partition) && !self.doubted.contains_key(*partition)
        };
        let mut own = beat.answer.leased.iter().map(|leased| &leased.partition);
        let partition = own.find(is_free)?.clone();
        drop(beat);
        let (revoke, revoked) = watch::channel(false);
        self.readers.insert(partition.clone(), revoke);
        let slices = match &partition {
            PartitionId::Log(slices) if self.slice_of.is_none() => *slices,
            _ => Slices::ALL,
        };
        let held = HeldPartition {
            partition,
            member: membership.member,
            revoked,
            beats: membership.heartbeats.beats.clone(),
            why: None,
            dropped: self.dropped.0.clone(),
        };
        let (reads, slice_of) = (self.reads.clone(), self.slice_of.clone());
        let reader = LogReader::new(self.store.clone(), reads, slices, slice_of, held);
        Some(reader)
    }

    /// Waits for the readers, and leaves. What cannot be said to the store now, the end of the lease says.
    async fn finish(&mut self) {
        while !self.readers.is_empty() {
            if let Some(dropped) = self.dropped.1.recv().await {
                self.note(dropped);
            }
        }
        let limit = self.store.lease_times().heartbeat();
        let _ = tokio::time::timeout(limit, self.release()).await;
        if let Some(membership) = &mut self.membership {
            membership.heartbeats.leave();
            let _ = (&mut membership.heartbeats.task).await;
        }
        self.membership = None;
    }

    /// Waits until a partition may have become free or lost.
    async fn change(&mut self) -> Result<(), SourceError> {
        let Some(membership) = &mut self.membership else {
            return Ok(());
        };
        tokio::select! {
            biased;
            ended = &mut membership.heartbeats.task => {
                self.membership = None;
                match ended {
                    Ok(Some(error)) => return Err(source_error(error)),
                    // It panicked, or the runtime ends: join again.
                    _ => return Ok(()),
                }
            }
            Some(dropped) = self.dropped.1.recv() => self.note(dropped),
            Ok(()) = membership.heartbeats.beats.changed() => {}
        }
        Ok(())
    }
}

impl<S: EventStore + Partitions> Source for LogSource<S> {
    type Reader = LogReader<S>;

    async fn assigned(&mut self) -> Result<Option<LogReader<S>>, SourceError> {
        loop {
            if self.stopping {
                self.finish().await;
                return Ok(None);
            }
            self.join().await?;
            self.apply_heartbeat();
            self.release().await.map_err(source_error)?;
            if let Some(reader) = self.next_reader() {
                return Ok(Some(reader));
            }
            self.change().await?;
        }
    }

    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, SourceError> {
        let end = last_event(&self.store).await.map_err(source_error)?;
        let partition = PartitionId::Log(Slices::ALL);
        Ok(vec![(partition, Offset::new(end.get()))])
    }

    fn stop(&mut self) {
        self.stopping = true;
        for revoke in self.readers.values() {
            revoke.send_replace(true);
        }
    }
}
