//! Appends under a key: sent twice at the same time, and again while the outcome is unknown.

use cqrs_core::{
    EventStore, IdempotencyKey, StoreError,
    model::Idempotency,
    ports::{Appended, CommitError},
};

use super::{
    CALL_LIMIT, Writer, WriterStats, answers, is_unknown,
    operation::StreamRequest,
    repeat::{Answer, KeyedAppend},
};
use crate::{
    faults::FaultInjector,
    verdict::{Verdict, Violation},
};

/// One attempt under a key. Each attempt has its own events, which show whether it is in the store.
struct Attempt {
    number: u32,
    answer: Answer,
}

impl Attempt {
    fn appended(&self) -> Option<&Vec<Appended>> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// Whether the store acknowledged this attempt as the first, not as a repeat.
    fn is_first(&self) -> bool {
        self.appended()
            .is_some_and(|answer| answer.iter().all(|appended| !appended.repeated))
    }

    fn is_unknown(&self) -> bool {
        match &self.answer {
            None => true,
            Some(answer) => answer.as_ref().is_err_and(is_unknown),
        }
    }

    fn error(&self) -> Option<&CommitError> {
        self.answer.as_ref()?.as_ref().err()
    }

    fn into_store_error(self) -> Option<StoreError> {
        match self.answer?.err()? {
            CommitError::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// The most attempts for an append with an unknown outcome.
const MAX_ATTEMPTS: usize = 10;

impl<S: EventStore, F: FaultInjector<S::Transaction>> Writer<S, F> {
    pub(super) async fn append_twice(&mut self, requests: Vec<StreamRequest>) {
        let first = self.begin(&requests);
        let second = self.begin(&requests);
        let key = format!("{}-{}-{first}", self.state.run, self.number);
        let idempotency = Idempotency::new(
            IdempotencyKey::new(key).expect("digits and dashes are a valid key"),
            first.into(),
        );
        let limit = self.generator.abandoned_after().unwrap_or(CALL_LIMIT);
        let (first_answer, second_answer) = tokio::join!(
            self.send(first, &requests, &idempotency, limit),
            self.send(second, &requests, &idempotency, CALL_LIMIT),
        );
        let attempt = |number, answer| Attempt { number, answer };
        let mut attempts = vec![attempt(first, first_answer), attempt(second, second_answer)];
        while needs_another(&attempts) {
            self.back_off().await;
            let number = self.begin(&requests);
            let answer = self.send(number, &requests, &idempotency, CALL_LIMIT).await;
            attempts.push(attempt(number, answer));
        }
        self.settle(idempotency, requests, attempts).await;
    }

    /// Records the attempts: at most one happened, and one did if any answer says so.
    async fn settle(
        &mut self,
        idempotency: Idempotency,
        requests: Vec<StreamRequest>,
        attempts: Vec<Attempt>,
    ) {
        self.add_verdict(check_attempts(&requests, &attempts));
        let first = attempts.iter().find(|attempt| attempt.is_first());
        let answer = first
            .into_iter()
            .chain(&attempts)
            .find_map(Attempt::appended);
        let history = &mut self.result.history;
        for attempt in &attempts {
            if first.is_some() || !attempt.is_unknown() {
                history.reject(attempt.number);
            } else if let Some(answer) = answer {
                history.set_answer(attempt.number, answer);
            }
        }
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
        history.add_keyed(&numbers, answer.is_some());
        self.count(&attempts, answer.is_some());
        let Some(answer) = answer.cloned() else {
            return self.all_failed(attempts).await;
        };
        match first {
            Some(first) => self.acknowledged(first.number, &requests, &answer),
            None => {
                // One of these attempts is the first, although its own answer was lost.
                let mut first_answer = answer.clone();
                for appended in &mut first_answer {
                    appended.repeated = false;
                }
                self.appended(&requests, &first_answer);
                self.use_new_stream();
            }
        }
        self.keep(KeyedAppend {
            idempotency,
            requests,
            answer,
        });
    }

    async fn all_failed(&mut self, attempts: Vec<Attempt>) {
        if attempts.iter().any(Attempt::is_unknown) {
            self.use_new_stream();
        }
        let error = attempts.into_iter().find_map(Attempt::into_store_error);
        if let Some(error) = error {
            self.store_failed(error).await;
        }
    }

    fn count(&mut self, attempts: &[Attempt], acknowledged: bool) {
        let count = |matches: fn(&Attempt) -> bool| {
            attempts.iter().filter(|attempt| matches(attempt)).count() as u64
        };
        let is_conflict =
            |attempt: &Attempt| matches!(attempt.error(), Some(CommitError::Conflict(_)));
        self.result.stats = self.result.stats.plus(WriterStats {
            keyed: u64::from(acknowledged),
            conflicts: count(is_conflict),
            unknown: count(Attempt::is_unknown),
            ..WriterStats::default()
        });
    }
}

/// Whether another attempt must find out if one of them happened.
fn needs_another(attempts: &[Attempt]) -> bool {
    let is_acknowledged = attempts.iter().any(|attempt| attempt.appended().is_some());
    !is_acknowledged && attempts.len() < MAX_ATTEMPTS && attempts.iter().any(Attempt::is_unknown)
}

fn check_attempts(requests: &[StreamRequest], attempts: &[Attempt]) -> Verdict {
    let mut verdict = Verdict::default();
    let first = attempts.iter().filter(|attempt| attempt.is_first()).count();
    if first > 1 {
        verdict.add(Violation::Duplicated, || {
            let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
            format!(
                "{first} of the appends {numbers:?} under one key were acknowledged as the first"
            )
        });
    }
    let mut answers = attempts.iter().filter_map(Attempt::appended);
    if let Some(first) = answers.next() {
        answers.for_each(|other| verdict.absorb(answers::check_same(first, other)));
    }
    for error in attempts.iter().filter_map(Attempt::error) {
        verdict.absorb(answers::check_rejection(requests, error));
    }
    verdict
}
