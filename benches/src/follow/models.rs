//! The four read models, and the runners that keep them up.

use cqrs_core::{DocumentKeys, Envelope, Position, Runner, View, read::wait_for};
use cqrs_postgres::PgEventStore;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Outcome,
    domain::{AccountEvent, Balance, Balances},
};

const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];

struct Model<const N: usize>;

impl<const N: usize> View for Model<N> {
    const NAME: &'static str = NAMES[N];
    type Events = AccountEvent;
    type Document = Balance;

    fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys {
        Balances.keys(event)
    }

    fn apply(
        &self,
        key: &str,
        balance: Option<Balance>,
        event: &Envelope<AccountEvent>,
    ) -> Option<Balance> {
        Balances.apply(key, balance, event)
    }
}

/// The runners of all read models in this process.
pub(super) struct Following {
    store: PgEventStore,
    stop: watch::Sender<bool>,
    runners: JoinSet<Outcome<()>>,
}

impl Following {
    pub(super) fn begin(store: &PgEventStore, partitions: u16) -> Outcome<Self> {
        let mut following = Self {
            store: store.clone(),
            stop: watch::Sender::new(false),
            runners: JoinSet::new(),
        };
        following.run::<0>(partitions)?;
        following.run::<1>(partitions)?;
        following.run::<2>(partitions)?;
        following.run::<3>(partitions)?;
        Ok(following)
    }

    fn run<const N: usize>(&mut self, partitions: u16) -> Outcome<()> {
        let runner = Runner::over_log(&self.store, Model::<N>)?.partitions(partitions);
        let mut stop = self.stop.subscribe();
        self.runners.spawn(async move {
            let stopped = async {
                // An error means that the sender is gone, which stops the runner, too.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            Ok(runner.run(stopped).await?)
        });
        Ok(())
    }

    /// Waits until every read model has handled this event.
    pub(super) async fn wait_for(&self, position: Position) -> Outcome<()> {
        for name in NAMES {
            wait_for(&self.store, name, position).await?;
        }
        Ok(())
    }

    pub(super) async fn end(mut self) -> Outcome<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.runners.join_next().await {
            ended??;
        }
        Ok(())
    }
}
