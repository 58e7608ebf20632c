//! The task that holds names, and keeps their session alive.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use cqrs_core::{
    StoreError,
    ports::{Hold, HoldError, Holder, NameKeeper},
};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::Instant};

use super::{Job, Name, session::Session, unavailable};
use crate::{connect::backend::Backend, error::statement};

/// Resolves when a name was given back.
type Released = Pin<Box<dyn Future<Output = Name> + Send>>;

/// A session that was lost. The server may not have noticed yet.
struct Former {
    pid: i32,
    lost: Instant,
}

pub(super) struct Keeper {
    backend: Arc<Backend>,
    session: Option<Session>,
    /// This process, and the process of the server, as the session that holds names shows them.
    own: Option<(Holder, i32)>,
    names: HashMap<Name, NameKeeper>,
    released: FuturesUnordered<Released>,
    former: Option<Former>,
    /// When the session was last heard of.
    heard: Instant,
}

impl Keeper {
    pub(super) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            session: None,
            own: None,
            names: HashMap::new(),
            released: FuturesUnordered::new(),
            former: None,
            heard: Instant::now(),
        }
    }

    /// Holds names until every sender is gone.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let ping_at = self.heard + self.lease() / 4;
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.answer(job).await,
                    None => break,
                },
                Some(name) = self.released.next() => self.release(name).await,
                () = tokio::time::sleep_until(ping_at), if self.session.is_some() => self.ping().await,
            }
        }
        self.close().await;
    }

    fn lease(&self) -> Duration {
        self.backend.pools.lease()
    }

    async fn answer(&mut self, Job { name, answer }: Job) {
        let outcome = self.hold(name).await;
        // If the caller has stopped waiting, the name is given back with the answer.
        drop(answer.send(outcome));
    }

    async fn hold(&mut self, name: Name) -> Result<Hold, HoldError> {
        match self.names.get(&name) {
            Some(keeper) if keeper.is_released() => Ok(self.holds(name)),
            Some(_) => Err(HoldError::Held(self.this_process())),
            None => self.ask(name).await,
        }
    }

    /// Notes that the session holds a name.
    fn holds(&mut self, name: Name) -> Hold {
        let (keeper, hold) = NameKeeper::pair();
        self.names.insert(name.clone(), keeper.clone());
        self.released.push(Box::pin(async move {
            keeper.released().await;
            name
        }));
        hold
    }

    async fn ask(&mut self, name: Name) -> Result<Hold, HoldError> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::open(&self.backend).await?),
        };
        let found = match session.hold(&self.backend, &name).await {
            Ok(found) => found,
            Err(error) => {
                self.lose().await;
                return Err(statement(error).into());
            }
        };
        self.heard = Instant::now();
        if found.held {
            self.own = found.pid.map(|pid| (found.holder, pid));
            return Ok(self.holds(name));
        }
        self.close_if_idle().await;
        match found.pid {
            Some(pid) if self.is_former(pid) => Err(self.not_noticed().into()),
            _ => Err(HoldError::Held(found.holder)),
        }
    }

    /// Gives a name back, unless this process holds it again.
    async fn release(&mut self, name: Name) {
        if !self.names.get(&name).is_some_and(NameKeeper::is_released) {
            return;
        }
        self.names.remove(&name);
        if let Some(session) = &mut self.session {
            match session.release(&self.backend, &name).await {
                Ok(()) => self.heard = Instant::now(),
                Err(_) => self.lose().await,
            }
        }
        self.close_if_idle().await;
    }

    async fn ping(&mut self) {
        if let Some(session) = &mut self.session {
            match session.ping().await {
                Ok(()) => self.heard = Instant::now(),
                Err(_) => self.lose().await,
            }
        }
    }

    /// The session is gone, or does not answer: every holder hears of it.
    async fn lose(&mut self) {
        self.names.clear();
        self.released.clear();
        if let Some((_, pid)) = self.own.take() {
            let lost = Instant::now();
            self.former = Some(Former { pid, lost });
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    async fn close_if_idle(&mut self) {
        if self.names.is_empty() {
            self.close().await;
        }
    }

    async fn close(&mut self) {
        self.own = None;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    fn this_process(&self) -> Holder {
        let own = self.own.as_ref().map(|(own, _)| own.clone());
        own.unwrap_or_else(|| Holder::new("this process"))
    }

    /// Whether this is the session that this process has lost within the lease.
    fn is_former(&self, pid: i32) -> bool {
        let former = self.former.as_ref();
        former.is_some_and(|former| former.pid == pid && former.lost.elapsed() <= self.lease())
    }

    fn not_noticed(&self) -> StoreError {
        let message = format!(
            "the server has not noticed yet that a session of this process is gone; it will within {:?}",
            self.lease()
        );
        unavailable(&message)
    }
}
