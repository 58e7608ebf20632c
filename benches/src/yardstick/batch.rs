//! Group commit by hand: one task asks in one statement for all who wait.

mod events;

use tokio::sync::{mpsc, oneshot};

pub(crate) use self::events::BatchedEvents;
use crate::Outcome;

/// So many go into one statement at most.
const MOST: usize = 256;

/// What is done for many at once.
pub(super) trait Together: Send + 'static {
    type Question: Send;
    type Answer: Send;

    /// An answer for each question, in their order.
    fn together(
        &mut self,
        questions: Vec<Self::Question>,
    ) -> impl Future<Output = Outcome<Vec<Self::Answer>>> + Send;
}

type Waiting<W> = (
    <W as Together>::Question,
    oneshot::Sender<Outcome<<W as Together>::Answer>>,
);

/// The way to the task. It ends with the last of them.
pub(super) struct Batcher<W: Together>(mpsc::Sender<Waiting<W>>);

impl<W: Together> Clone for Batcher<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Together> Batcher<W> {
    pub(super) fn new(work: W) -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        tokio::spawn(serve(work, receiver));
        Self(sender)
    }

    pub(super) async fn ask(&self, question: W::Question) -> Outcome<W::Answer> {
        let (sender, answer) = oneshot::channel();
        if self.0.send((question, sender)).await.is_err() {
            return Err("the batching task is gone".into());
        }
        answer.await?
    }
}

/// All that wait, but never waiting for more.
async fn serve<W: Together>(mut work: W, mut asked: mpsc::Receiver<Waiting<W>>) {
    let mut waiting = Vec::with_capacity(MOST);
    while asked.recv_many(&mut waiting, MOST).await > 0 {
        let (questions, senders): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        match work.together(questions).await {
            Ok(answers) => {
                for (sender, answer) in senders.into_iter().zip(answers) {
                    // Who has gone does not want to know.
                    let _ = sender.send(Ok(answer));
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
