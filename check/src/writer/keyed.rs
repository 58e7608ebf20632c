//! Appends under a key: sent twice at once, and again as long as the outcome is unknown.

use std::time::Duration;

use cqrs_core::{Appended, EventStore, Idempotency, IdempotencyKey, StoreError, WriteError};

use super::{Deeds, PATIENCE, Writer, ask::Ask, is_unknown, judge, repeat::Kept, within};
use crate::{
    mischief::Mischief,
    verdict::{Kind, Verdict},
};

/// What was answered; nothing if the caller gave up.
type Answer = Option<Result<Vec<Appended>, WriteError>>;

/// An attempt under a key. Each has events of its own, so that it can be told which one was made.
struct Attempt {
    number: u32,
    answer: Answer,
}

impl Attempt {
    fn landed(&self) -> Option<&Vec<Appended>> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// It says that it was this one that was made, and none before.
    fn is_made(&self) -> bool {
        let made = |landed: &Vec<Appended>| !landed.iter().any(|landed| landed.repeated);
        self.landed().is_some_and(made)
    }

    fn is_unknown(&self) -> bool {
        match &self.answer {
            None => true,
            Some(answer) => answer.as_ref().is_err_and(is_unknown),
        }
    }

    fn store_error(self) -> Option<StoreError> {
        match self.answer?.err()? {
            WriteError::Store(error) => Some(error),
            _ => None,
        }
    }

    fn error(&self) -> Option<&WriteError> {
        self.answer.as_ref()?.as_ref().err()
    }
}

/// So often an append of unknown outcome is sent.
const ATTEMPTS: usize = 10;

impl<S: EventStore, M: Mischief<S::Transaction>> Writer<S, M> {
    pub(super) async fn twice(&mut self, asks: Vec<Ask>) {
        let (first, second) = (self.open(&asks), self.open(&asks));
        let key = format!("{}-{}-{first}", self.scene.run, self.number);
        let idempotency = Idempotency {
            key: IdempotencyKey::new(key).expect("digits and dashes"),
            fingerprint: first.into(),
        };
        let given_up = self.dice.given_up().unwrap_or(PATIENCE);
        let (one, other) = tokio::join!(
            self.send(first, &asks, &idempotency, given_up),
            self.send(second, &asks, &idempotency, PATIENCE),
        );
        let attempt = |number, answer| Attempt { number, answer };
        let mut attempts = vec![attempt(first, one), attempt(second, other)];
        while needs_another(&attempts) {
            self.back_off().await;
            let number = self.open(&asks);
            let answer = self.send(number, &asks, &idempotency, PATIENCE).await;
            attempts.push(attempt(number, answer));
        }
        self.settle(idempotency, asks, attempts).await;
    }

    pub(super) async fn send(
        &self,
        number: u32,
        asks: &[Ask],
        idempotency: &Idempotency,
        time: Duration,
    ) -> Answer {
        let appends = self.compose(number, asks).once(idempotency.clone());
        within(time, self.store.append_all(appends)).await
    }

    /// At most one of the attempts was made; and if any of them says so, one was.
    async fn settle(&mut self, idempotency: Idempotency, asks: Vec<Ask>, attempts: Vec<Attempt>) {
        self.judge(judge_attempts(&asks, &attempts));
        let made = attempts.iter().find(|attempt| attempt.is_made());
        let landed = made.into_iter().chain(&attempts).find_map(Attempt::landed);
        for attempt in &attempts {
            if made.is_some() || !attempt.is_unknown() {
                self.written.ledger.refuse(attempt.number);
            } else if let Some(landed) = landed {
                self.written.ledger.answer(attempt.number, landed);
            }
        }
        let numbers = attempts.iter().map(|attempt| attempt.number);
        self.written.ledger.once(numbers, landed.is_some());
        self.count(&attempts, landed.is_some());
        match (made, landed) {
            (Some(made), Some(landed)) => self.acknowledged(made.number, &asks, landed),
            (_, Some(landed)) => {
                // It was this call that made it, whoever has got the first answer.
                let now = |landed: &Appended| Appended {
                    repeated: false,
                    ..landed.clone()
                };
                self.landed(&asks, &landed.iter().map(now).collect::<Vec<_>>());
                self.renew();
            }
            (_, None) => return self.none_landed(attempts).await,
        }
        if let Some(landed) = landed {
            self.keep(Kept::new(idempotency, asks, landed.clone()));
        }
    }

    async fn none_landed(&mut self, attempts: Vec<Attempt>) {
        if attempts.iter().any(Attempt::is_unknown) {
            self.renew();
        }
        if let Some(error) = attempts.into_iter().find_map(Attempt::store_error) {
            self.store_failed(error).await;
        }
    }

    fn count(&mut self, attempts: &[Attempt], landed: bool) {
        let count = |which: fn(&Attempt) -> bool| {
            attempts.iter().filter(|attempt| which(attempt)).count() as u64
        };
        let conflict = |attempt: &Attempt| matches!(attempt.error(), Some(WriteError::Conflict(_)));
        self.written.deeds = self.written.deeds.plus(Deeds {
            keyed: u64::from(landed),
            conflicts: count(conflict),
            unknown: count(Attempt::is_unknown),
            ..Deeds::default()
        });
    }
}

/// Nobody knows whether one was made.
fn needs_another(attempts: &[Attempt]) -> bool {
    let answered = attempts.iter().any(|attempt| attempt.landed().is_some());
    !answered && attempts.len() < ATTEMPTS && attempts.iter().any(Attempt::is_unknown)
}

fn judge_attempts(asks: &[Ask], attempts: &[Attempt]) -> Verdict {
    let mut verdict = Verdict::default();
    let made = attempts.iter().filter(|attempt| attempt.is_made()).count();
    if made > 1 {
        verdict.add(Kind::Doubled, || {
            let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
            format!(
                "{made} of the appends {numbers:?}, sent under one key, say that they were made"
            )
        });
    }
    let mut landed = attempts.iter().filter_map(Attempt::landed);
    if let Some(first) = landed.next() {
        landed.for_each(|other| verdict.absorb(judge::alike(first, other)));
    }
    for error in attempts.iter().filter_map(Attempt::error) {
        verdict.absorb(judge::refusal(asks, error));
    }
    verdict
}
