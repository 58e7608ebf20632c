//! Group commit by hand: one task runs one statement for all waiting callers.

mod events;

use tokio::sync::{mpsc, oneshot};

pub(crate) use self::events::BatchedEvents;
use crate::Outcome;

/// The most requests of one statement.
const MAX_REQUESTS: usize = 256;

/// Work that handles many requests in one statement.
pub(super) trait BatchWork: Send + 'static {
    type Request: Send;
    type Response: Send;

    /// Returns a response for each request, in the same order.
    fn run(
        &mut self,
        requests: Vec<Self::Request>,
    ) -> impl Future<Output = Outcome<Vec<Self::Response>>> + Send;
}

type Waiting<W> = (
    <W as BatchWork>::Request,
    oneshot::Sender<Outcome<<W as BatchWork>::Response>>,
);

/// Sends requests to the task. The task ends when the last `Batcher` is dropped.
pub(super) struct Batcher<W: BatchWork>(mpsc::Sender<Waiting<W>>);

impl<W: BatchWork> Clone for Batcher<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: BatchWork> Batcher<W> {
    pub(super) fn new(work: W) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_REQUESTS);
        tokio::spawn(serve(work, receiver));
        Self(sender)
    }

    pub(super) async fn request(&self, request: W::Request) -> Outcome<W::Response> {
        let (sender, response) = oneshot::channel();
        if self.0.send((request, sender)).await.is_err() {
            return Err("the batching task has ended".into());
        }
        response.await?
    }
}

/// Handles all waiting requests at once, and never waits for more.
async fn serve<W: BatchWork>(mut work: W, mut requests: mpsc::Receiver<Waiting<W>>) {
    let mut waiting = Vec::with_capacity(MAX_REQUESTS);
    while requests.recv_many(&mut waiting, MAX_REQUESTS).await > 0 {
        let (batch, senders): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        match work.run(batch).await {
            Ok(responses) => {
                for (sender, response) in senders.into_iter().zip(responses) {
                    // Nobody receives it if the caller has gone.
                    let _ = sender.send(Ok(response));
                }
            }
            Err(error) => {
                for sender in senders {
                    let _ = sender.send(Err(error.to_string().into()));
                }
            }
        }
    }
}
