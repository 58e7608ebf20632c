//! A broker with transactions, in memory. Its calls pass the gate.

use std::sync::{Arc, Mutex, MutexGuard};

use cqrs_core::{
    RecordedEvent,
    model::Checkpoint,
    ports::{Publication, PublishError, PublishedShard, Publisher, PublisherSession},
};

use crate::{
    bug::Bug,
    desk::{Gate, Verdict},
};

/// What the broker has of a shard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shard {
    epoch: u64,
    /// The events that consumers see, by their positions.
    pub(crate) visible: Vec<u64>,
    pub(crate) progress: Option<Checkpoint>,
}

/// The broker.
#[derive(Clone, Default)]
pub(crate) struct Broker(Arc<Mutex<Vec<Shard>>>);

impl Broker {
    fn shards(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.0.lock().expect("no panic")
    }

    pub(crate) fn look(&self) -> Vec<Shard> {
        self.shards().clone()
    }

    fn of<T>(&self, shard: u16, ask: impl FnOnce(&mut Shard) -> T) -> T {
        let index = usize::from(shard);
        let mut shards = self.shards();
        if shards.len() <= index {
            shards.resize(index + 1, Shard::default());
        }
        ask(&mut shards[index])
    }
}

/// The broker, as one process reaches it.
#[derive(Clone)]
pub(crate) struct GatedBroker {
    pub(crate) broker: Broker,
    pub(crate) gate: Gate,
    pub(crate) bug: Option<Bug>,
}

fn unavailable() -> PublishError {
    PublishError::Unavailable("the schedule has it fail".into())
}

fn unknown() -> PublishError {
    PublishError::Reopen("the schedule has it fail".into())
}

impl GatedBroker {
    /// A call that may be made twice.
    async fn call<T>(
        &self,
        name: &'static str,
        call: impl Fn() -> Result<T, PublishError>,
    ) -> Result<T, PublishError> {
        let verdict = self.gate.pass(name).await;
        if verdict == Verdict::Fail {
            return Err(unavailable());
        }
        let first = call();
        match verdict {
            Verdict::LoseAnswer => Err(unavailable()),
            Verdict::Repeat => call(),
            _ => first,
        }
    }

    fn session(&self, shard: u16) -> Session {
        let (epoch, progress) = self.broker.of(shard, |shard| {
            shard.epoch += 1;
            (shard.epoch, shard.progress)
        });
        Session {
            reached: self.clone(),
            shard,
            epoch,
            published: progress,
        }
    }
}

impl Publisher for GatedBroker {
    type Session = Session;

    async fn open(&self, publication: &Publication) -> Result<Vec<Session>, PublishError> {
        let shards = 0..publication.shards;
        let open = || Ok(shards.clone().map(|shard| self.session(shard)).collect());
        self.call("open", open).await
    }

    async fn reopen(&self, _: &Publication, shard: u16) -> Result<Session, PublishError> {
        self.call("reopen", || Ok(self.session(shard))).await
    }

    async fn published(
        &self,
        _: &Publication,
        _: u64,
    ) -> Result<Vec<PublishedShard>, PublishError> {
        Err(PublishError::Misconfigured("nobody recovers here".into()))
    }

    async fn restart(&self, _: &Publication, _: &[Option<Checkpoint>]) -> Result<(), PublishError> {
        Err(PublishError::Misconfigured("nobody recovers here".into()))
    }
}

/// An open shard.
pub(crate) struct Session {
    reached: GatedBroker,
    shard: u16,
    epoch: u64,
    published: Option<Checkpoint>,
}

impl Session {
    /// Whether it may still publish.
    fn check(&self) -> Result<(), PublishError> {
        let epoch = self.reached.broker.of(self.shard, |shard| shard.epoch);
        match self.reached.bug {
            Some(Bug::UnfencedSession) => Ok(()),
            _ if epoch == self.epoch => Ok(()),
            _ => Err(PublishError::Fenced),
        }
    }

    /// One of the two steps of a transaction. After an error of it nobody knows the outcome.
    async fn step(
        &self,
        name: &'static str,
        done: impl FnOnce(&mut Shard),
    ) -> Result<(), PublishError> {
        let verdict = self.reached.gate.pass(name).await;
        if verdict == Verdict::Fail {
            return Err(unknown());
        }
        self.check()?;
        self.reached.broker.of(self.shard, done);
        match verdict {
            Verdict::LoseAnswer => Err(unknown()),
            _ => Ok(()),
        }
    }
}

impl PublisherSession for Session {
    fn shard(&self) -> u16 {
        self.shard
    }

    fn published(&self) -> Option<Checkpoint> {
        self.published
    }

    async fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let positions = Vec::from_iter(events.iter().map(|event| event.position.get()));
        let aside = self.reached.bug == Some(Bug::ProgressAside);
        let show = |shard: &mut Shard| shard.visible.extend(positions);
        if aside {
            self.step("send", show).await?;
            self.step("commit of the broker", |shard| shard.progress = Some(upto))
                .await?;
        } else {
            self.step("send", |_| {}).await?;
            self.step("commit of the broker", |shard| {
                show(shard);
                shard.progress = Some(upto);
            })
            .await?;
        }
        Ok(Self {
            published: Some(upto),
            ..self
        })
    }
}
