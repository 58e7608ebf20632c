//! Publishes the records in front of parked keys, beside the worker of their partition.
//!
//! **Invariant**: a record is noted as published only after the publisher has said so. So one that is in front of a parked key, has failed and
//! has no note is published, or published again, by the next pass: of this worker, or of the next owner.

use std::{error::Error, fmt, sync::Arc};

use tokio::{sync::Notify, task::JoinSet};

use crate::{
    model::PartitionId,
    ports::{BoxError, DeadLetter, DeadLetters, Parking},
    run_loop::{LoopName, ProgressReporter, Retries},
};

/// The task that publishes. It ends with the worker.
#[derive(Debug, Default)]
pub(super) struct DeadLetterTask {
    wake: Arc<Notify>,
    /// Aborted when it is dropped.
    tasks: JoinSet<()>,
}

impl DeadLetterTask {
    /// Starts, if there is a publisher and the partition is one of a topic. Without one nothing is done.
    pub(super) fn start<S: Parking>(
        &mut self,
        store: &S,
        subscription: &str,
        partition: &PartitionId,
        publisher: Option<Arc<dyn DeadLetters>>,
    ) {
        let Some(publisher) = publisher else { return };
        if !matches!(partition, PartitionId::Topic { .. }) {
            return;
        }
        let name = LoopName::Subscription(subscription.to_owned());
        // A reporter of its own: the subscription is as healthy as before.
        let reporter = ProgressReporter::default();
        let publishing = Publishing {
            store: store.clone(),
            subscription: subscription.to_owned(),
            partition: partition.clone(),
            publisher,
            retries: Retries::new(name, Some(partition.clone()), reporter),
        };
        self.tasks.spawn(publishing.run(Arc::clone(&self.wake)));
    }

    /// After the commit of what is parked, or has failed again.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

struct Publishing<S> {
    store: S,
    subscription: String,
    partition: PartitionId,
    publisher: Arc<dyn DeadLetters>,
    retries: Retries,
}

impl<S: Parking> Publishing<S> {
    async fn run(mut self, wake: Arc<Notify>) {
        loop {
            match self.pass().await {
                Ok(()) => {
                    self.retries.succeeded();
                    wake.notified().await;
                }
                Err(error) => tokio::time::sleep(self.retries.failed(&error)).await,
            }
        }
    }

    /// Publishes what is not noted as published. One that fails keeps no other back.
    async fn pass(&self) -> Result<(), NotPublished> {
        let mut failed = None;
        let mut after = None;
        while let Some(letter) = self.next(after).await? {
            after = Some(letter.id);
            if let Err(source) = self.publish(&letter).await {
                let letter = Some(letter.to_string());
                failed.get_or_insert(NotPublished { letter, source });
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn next(&self, after: Option<u64>) -> Result<Option<DeadLetter>, NotPublished> {
        let next = self
            .store
            .next_dead_letter(&self.subscription, &self.partition, after);
        next.await.map_err(|error| NotPublished {
            letter: None,
            source: error.into(),
        })
    }

    async fn publish(&self, letter: &DeadLetter) -> Result<(), BoxError> {
        self.publisher.publish(letter).await?;
        self.store.dead_letter_published(letter).await?;
        let (subscription, partition) = (&self.subscription, &self.partition);
        tracing::info!(subscription, %partition, %letter, "a dead letter is published");
        Ok(())
    }
}

/// Why a dead letter waits to be published.
#[derive(Debug)]
struct NotPublished {
    /// `None`: the store could not be asked.
    letter: Option<String>,
    source: BoxError,
}

impl fmt::Display for NotPublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.letter {
            Some(letter) => write!(f, "the dead letter of {letter} is not published yet"),
            None => f.write_str("dead letters cannot be read from the store"),
        }
    }
}

impl Error for NotPublished {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
