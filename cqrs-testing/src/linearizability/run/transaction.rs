//! Appends within a transaction, as operations of a history.
//!
//! A result before the commit is recorded as a check of the streams, since nothing is written yet. The commit is recorded as
//! an append that expects the versions that the transaction saw: locks keep them unchanged, or the commit checks them.

use cqrs_core::{EventStore, ExpectedVersion, StreamId, Version, chain};

use super::{
    super::{
        history::{AppendOutcome, Call, Key, Outcome, Participant, Rejection, StreamResult},
        program::{AppendMethod, Target},
    },
    client::{Client, yield_to_others},
    outcomes,
};

impl<S: EventStore> Client<S> {
    /// Begins a transaction, reads the streams if `way` says so, appends and commits.
    pub(super) async fn transact(
        &mut self,
        to: &[Target],
        key: Option<Key>,
        way: AppendMethod,
        pause: usize,
    ) {
        let (times, begun) = self.timed(self.store.begin()).await;
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => {
                let to = self.participants(to);
                let outcome = Outcome::Failed(chain(&error).to_string());
                return self.record("begin", times, Call::Append { to, key, outcome });
            }
        };
        match self.prepare(&mut transaction, to, key, way).await {
            Some((participants, seen)) => {
                yield_to_others(pause).await;
                self.commit(transaction, participants, &seen, key).await;
            }
            // Without a commit nothing is written, even if the rollback fails.
            None => drop(self.store.rollback(transaction).await),
        }
    }

    /// The append to commit and the versions of the streams, if no step failed.
    async fn prepare(
        &mut self,
        transaction: &mut S::Transaction,
        to: &[Target],
        key: Option<Key>,
        way: AppendMethod,
    ) -> Option<(Vec<Participant>, Vec<Version>)> {
        let read = match way {
            AppendMethod::TransactionThatReads => Some(self.read_in(transaction, to).await?),
            AppendMethod::Call | AppendMethod::Transaction => None,
        };
        let participants = self.participants(to);
        let staged = self.stage(transaction, &participants, key).await?;
        Some((participants, read.unwrap_or(staged)))
    }

    /// Reads the streams and returns their versions.
    async fn read_in(
        &mut self,
        transaction: &mut S::Transaction,
        to: &[Target],
    ) -> Option<Vec<Version>> {
        let id = |target: &Target| self.shared.id(target.stream).clone();
        let ids: Vec<StreamId> = to.iter().map(id).collect();
        let reading = self.store.read_streams_in(transaction, &ids);
        let (times, result) = self.timed(reading).await;
        let events = match result {
            Ok(events) => events,
            Err(error) => {
                let of = to[0].stream;
                let after = Version::EMPTY;
                let outcome = Outcome::Failed(chain(&error).to_string());
                self.record("read_streams_in", times, Call::Read { of, after, outcome });
                return None;
            }
        };
        let mut versions = Vec::new();
        for (target, id) in to.iter().zip(&ids) {
            let ours = events.iter().filter(|event| event.stream == *id);
            let ours: Vec<_> = ours.map(|event| (event.version, event.id)).collect();
            versions.push(ours.last().map_or(Version::EMPTY, |last| last.0));
            let call = Call::Read {
                of: target.stream,
                after: Version::EMPTY,
                outcome: outcomes::of_read(&self.shared, ours),
            };
            self.record("read_streams_in", times, call);
        }
        Some(versions)
    }

    /// Appends within the transaction and returns the versions of the streams before.
    async fn stage(
        &mut self,
        transaction: &mut S::Transaction,
        to: &[Participant],
        key: Option<Key>,
    ) -> Option<Vec<Version>> {
        let appends = self.shared.appends(to, key);
        let staging = self.store.append_in(transaction, appends);
        let (times, result) = self.timed(staging).await;
        let (check, seen) = checked(to, key, outcomes::of_append(&self.shared, result));
        self.record("append_in", times, check);
        seen
    }

    async fn commit(
        &mut self,
        transaction: S::Transaction,
        to: Vec<Participant>,
        seen: &[Version],
        key: Option<Key>,
    ) {
        let (times, result) = self.timed(self.store.commit(transaction)).await;
        let outcome = outcomes::of_write(&self.shared, result, |()| results(&to, seen));
        // A commit may report a conflict before it checks the key.
        let key = match outcome {
            Outcome::Given(Err(Rejection::Conflict { .. })) => None,
            _ => key,
        };
        let to = expecting(to, seen);
        self.record("commit", times, Call::Append { to, key, outcome });
    }
}

/// The result of `append_in` as a check of the streams, and their versions if the append can be committed.
fn checked(
    to: &[Participant],
    key: Option<Key>,
    outcome: AppendOutcome,
) -> (Call, Option<Vec<Version>>) {
    let mut to = to.to_vec();
    let mut results = match outcome {
        Outcome::Given(Ok(results)) => results,
        Outcome::Unknown => {
            let outcome = Outcome::Failed("outcome unknown, but not committed".to_owned());
            return (Call::Append { to, key, outcome }, None);
        }
        outcome => return (Call::Append { to, key, outcome }, None),
    };
    if results.iter().any(|one| one.repeated) {
        let outcome = Outcome::Given(Ok(results));
        return (Call::Append { to, key, outcome }, None);
    }
    for (one, participant) in results.iter_mut().zip(&mut to) {
        let events = participant.events.len() as u64;
        participant.events.clear();
        one.version = Version::new(one.version.get().saturating_sub(events));
    }
    let seen = results.iter().map(|one| one.before).collect();
    let outcome = Outcome::Given(Ok(results));
    let key = None;
    (Call::Append { to, key, outcome }, Some(seen))
}

fn expecting(to: Vec<Participant>, seen: &[Version]) -> Vec<Participant> {
    let at_seen = |(participant, version): (Participant, &Version)| Participant {
        expected: ExpectedVersion::Exact(*version),
        ..participant
    };
    to.into_iter().zip(seen).map(at_seen).collect()
}

fn results(to: &[Participant], seen: &[Version]) -> Vec<StreamResult> {
    let results = |(participant, before): (&Participant, &Version)| StreamResult {
        stream: participant.stream,
        before: *before,
        version: before.plus(participant.events.len() as u64),
        repeated: false,
    };
    to.iter().zip(seen).map(results).collect()
}
