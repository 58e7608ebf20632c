//! What was appended under a key is sent again later: it must be answered as then, and not be done again.

use cqrs_core::{Appended, EventStore, Idempotency, StoreError, WriteError};

use super::{PATIENCE, Writer, ask::Ask, judge, within};
use crate::{
    mischief::Mischief,
    verdict::{Kind, Verdict},
};

/// What was appended under a key.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    idempotency: Idempotency,
    asks: Vec<Ask>,
    landed: Vec<Appended>,
}

impl Kept {
    pub(super) const fn new(
        idempotency: Idempotency,
        asks: Vec<Ask>,
        landed: Vec<Appended>,
    ) -> Self {
        Self {
            idempotency,
            asks,
            landed,
        }
    }
}

/// So many a writer keeps in mind.
const KEPT: usize = 16;

impl<S: EventStore, M: Mischief<S::Transaction>> Writer<S, M> {
    pub(super) fn keep(&mut self, kept: Kept) {
        if self.kept.len() == KEPT {
            let forgotten = self.dice.below(KEPT);
            self.kept.swap_remove(forgotten);
        }
        self.kept.push(kept);
    }

    /// Sends one of them again; or something else under its key; or asks what was appended under it.
    pub(super) async fn repeat(&mut self) {
        let which = self.dice.below(self.kept.len());
        let Some(kept) = self.kept.get(which).cloned() else {
            return;
        };
        let outcome = match self.dice.below(3) {
            0 => self.look_up(&kept).await,
            1 => self.send_another(&kept).await,
            _ => self.send_again(&kept).await,
        };
        match outcome {
            Ok(verdict) => {
                self.written.deeds.repeats += 1;
                self.judge(verdict);
            }
            Err(error) => self.store_failed(error).await,
        }
    }

    async fn send_again(&mut self, kept: &Kept) -> Result<Verdict, StoreError> {
        let number = self.open(&kept.asks);
        self.written.ledger.refuse(number);
        let answer = self
            .send(number, &kept.asks, &kept.idempotency, PATIENCE)
            .await;
        match answer {
            None => Ok(Verdict::default()),
            Some(Ok(landed)) if landed.iter().all(|landed| landed.repeated) => {
                Ok(judge::alike(&kept.landed, &landed))
            }
            Some(Err(WriteError::Store(error))) => Err(error),
            Some(other) => Ok(breach(kept, "was sent again", &other)),
        }
    }

    /// Another command under the same key.
    async fn send_another(&mut self, kept: &Kept) -> Result<Verdict, StoreError> {
        let number = self.open(&kept.asks);
        self.written.ledger.refuse(number);
        let another = Idempotency {
            fingerprint: !kept.idempotency.fingerprint,
            ..kept.idempotency.clone()
        };
        let answer = self.send(number, &kept.asks, &another, PATIENCE).await;
        match answer {
            None | Some(Err(WriteError::KeyReused(_))) => Ok(Verdict::default()),
            Some(Err(WriteError::Store(error))) => Err(error),
            Some(other) => Ok(breach(kept, "was used for another command", &other)),
        }
    }

    async fn look_up(&self, kept: &Kept) -> Result<Verdict, StoreError> {
        let asked = self.store.appended_under(&kept.idempotency);
        match within(PATIENCE, asked).await {
            None => Ok(Verdict::default()),
            Some(Ok(Some(landed))) => Ok(judge::alike(&kept.landed, &landed)),
            Some(Err(WriteError::Store(error))) => Err(error),
            Some(other) => Ok(breach(kept, "was asked for", &other)),
        }
    }
}

fn breach(kept: &Kept, what: &str, answer: &impl std::fmt::Debug) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.add(Kind::Disagrees, || {
        let Kept {
            idempotency,
            landed,
            ..
        } = kept;
        format!(
            "key {} had brought {landed:?}, {what} and was answered with {answer:?}",
            idempotency.key
        )
    });
    verdict
}
