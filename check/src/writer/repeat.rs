//! Sends an earlier append under a key again. It must get the same answer and append nothing.

use std::time::Duration;

use cqrs_core::{
    EventStore, StoreError,
    model::Idempotency,
    ports::{Appended, CommitError},
};

use super::{CALL_LIMIT, Writer, answers, into_commit_error, operation::StreamRequest, within};
use crate::{
    faults::FaultInjector,
    verdict::{Verdict, Violation},
};

/// An acknowledged append under a key.
#[derive(Debug, Clone)]
pub(super) struct KeyedAppend {
    pub(super) idempotency: Idempotency,
    pub(super) requests: Vec<StreamRequest>,
    pub(super) answer: Vec<Appended>,
}

/// The answer to an append under a key; `None` if the caller gave up.
pub(super) type Answer = Option<Result<Vec<Appended>, CommitError>>;

/// How many appends under a key a writer keeps.
const MAX_KEPT: usize = 16;

impl<S: EventStore, F: FaultInjector<S::Transaction>> Writer<S, F> {
    /// Sends an append under a key.
    pub(super) async fn send(
        &self,
        number: u32,
        requests: &[StreamRequest],
        idempotency: &Idempotency,
        limit: Duration,
    ) -> Answer {
        let appends = self.appends(number, requests).once(idempotency.clone());
        within(limit, into_commit_error(self.store.append_all(appends))).await
    }

    /// Keeps an append, to repeat it later.
    pub(super) fn keep(&mut self, append: KeyedAppend) {
        if self.keyed.len() == MAX_KEPT {
            let index = self.generator.index(MAX_KEPT);
            self.keyed.swap_remove(index);
        }
        self.keyed.push(append);
    }

    /// Sends a kept append again, or another command under its key, or looks the key up.
    pub(super) async fn repeat(&mut self) {
        let index = self.generator.index(self.keyed.len());
        let Some(append) = self.keyed.get(index).cloned() else {
            return;
        };
        let outcome = match self.generator.index(3) {
            0 => self.look_up(&append).await,
            1 => self.send_another(&append).await,
            _ => self.send_again(&append).await,
        };
        match outcome {
            Ok(verdict) => {
                self.result.stats.repeats += 1;
                self.add_verdict(verdict);
            }
            Err(error) => self.store_failed(error).await,
        }
    }

    async fn send_again(&mut self, append: &KeyedAppend) -> Result<Verdict, StoreError> {
        let answer = self.send_rejected(append, &append.idempotency).await;
        match answer {
            None => Ok(Verdict::default()),
            Some(Ok(answer)) if answer.iter().all(|appended| appended.repeated) => {
                Ok(answers::check_same(&append.answer, &answer))
            }
            Some(Err(CommitError::Store(error))) => Err(error),
            Some(other) => Ok(mismatch(append, "was sent again", &other)),
        }
    }

    /// Sends another command under the same key.
    async fn send_another(&mut self, append: &KeyedAppend) -> Result<Verdict, StoreError> {
        let key = append.idempotency.key.clone();
        let another = Idempotency::new(key, !append.idempotency.fingerprint);
        let answer = self.send_rejected(append, &another).await;
        match answer {
            None | Some(Err(CommitError::KeyReused(_))) => Ok(Verdict::default()),
            Some(Err(CommitError::Store(error))) => Err(error),
            Some(other) => Ok(mismatch(append, "was used for another command", &other)),
        }
    }

    /// Sends an append that must not happen, because its key was used before.
    async fn send_rejected(&mut self, append: &KeyedAppend, idempotency: &Idempotency) -> Answer {
        let number = self.begin(&append.requests);
        self.result.history.reject(number);
        self.send(number, &append.requests, idempotency, CALL_LIMIT)
            .await
    }

    async fn look_up(&self, append: &KeyedAppend) -> Result<Verdict, StoreError> {
        let answer = into_commit_error(self.store.appended_under(&append.idempotency));
        match within(CALL_LIMIT, answer).await {
            None => Ok(Verdict::default()),
            Some(Ok(Some(answer))) => Ok(answers::check_same(&append.answer, &answer)),
            Some(Err(CommitError::Store(error))) => Err(error),
            Some(other) => Ok(mismatch(append, "was looked up", &other)),
        }
    }
}

fn mismatch(append: &KeyedAppend, action: &str, answer: &impl std::fmt::Debug) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.add(Violation::Mismatch, || {
        let key = &append.idempotency.key;
        let first = &append.answer;
        format!("key {key} first had the answer {first:?}; then it {action} and had the answer {answer:?}")
    });
    verdict
}
