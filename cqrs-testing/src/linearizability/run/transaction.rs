//! Appends within a transaction, as operations of a history.
//!
//! A result before the commit is recorded as a check of the streams, since nothing is written yet. The commit is recorded as
//! an append that expects the versions that the transaction saw: locks keep them unchanged, or the commit checks them.

use cqrs_core::{EventStore, ExpectedVersion, StreamId, Version, chain};

use super::{
    super::{
        history::{Answer, AppendAnswer, Call, Key, Landed, Participant, Rejection},
        program::{Target, Way},
    },
    answers,
    client::{Client, yield_to_others},
};

impl<S: EventStore> Client<S> {
    /// Begins a transaction, reads the streams if `way` says so, appends and commits.
    pub(super) async fn transact(
        &mut self,
        to: &[Target],
        key: Option<Key>,
        way: Way,
        pause: usize,
    ) {
        let (times, begun) = self.timed(self.store.begin()).await;
        let mut transaction = match begun {
            Ok(transaction) => transaction,
            Err(error) => {
                let to = self.participants(to);
                let answer = Answer::Failed(chain(&error).to_string());
                return self.record("begin", times, Call::Append { to, key, answer });
            }
        };
        match self.prepare(&mut transaction, to, key, way).await {
            Some((asked, seen)) => {
                yield_to_others(pause).await;
                self.commit(transaction, asked, &seen, key).await;
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
        way: Way,
    ) -> Option<(Vec<Participant>, Vec<Version>)> {
        let read = match way {
            Way::TransactionThatReads => Some(self.read_in(transaction, to).await?),
            Way::Call | Way::Transaction => None,
        };
        let asked = self.participants(to);
        let staged = self.stage(transaction, &asked, key).await?;
        Some((asked, read.unwrap_or(staged)))
    }

    /// Reads the streams and returns their versions.
    async fn read_in(
        &mut self,
        transaction: &mut S::Transaction,
        to: &[Target],
    ) -> Option<Vec<Version>> {
        let id = |target: &Target| self.scene.id(target.stream).clone();
        let ids: Vec<StreamId> = to.iter().map(id).collect();
        let reading = self.store.read_streams_in(transaction, &ids);
        let (times, result) = self.timed(reading).await;
        let events = match result {
            Ok(events) => events,
            Err(error) => {
                let of = to[0].stream;
                let after = Version::EMPTY;
                let answer = Answer::Failed(chain(&error).to_string());
                self.record("read_streams_in", times, Call::Read { of, after, answer });
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
                answer: answers::of_read(&self.scene, ours),
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
        let appends = self.scene.appends(to, key);
        let staging = self.store.append_in(transaction, appends);
        let (times, result) = self.timed(staging).await;
        let (check, seen) = checked(to, key, answers::of_append(&self.scene, result));
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
        let answer = answers::of_write(&self.scene, result, |()| landed(&to, seen));
        // A commit may report a conflict before it checks the key.
        let key = match answer {
            Answer::Given(Err(Rejection::Conflict { .. })) => None,
            _ => key,
        };
        let to = expecting(to, seen);
        self.record("commit", times, Call::Append { to, key, answer });
    }
}

/// The result of `append_in` as a check of the streams, and their versions if the append can be committed.
fn checked(
    to: &[Participant],
    key: Option<Key>,
    answer: AppendAnswer,
) -> (Call, Option<Vec<Version>>) {
    let mut to = to.to_vec();
    let mut landed = match answer {
        Answer::Given(Ok(landed)) => landed,
        Answer::Unknown => {
            let answer = Answer::Failed("outcome unknown, but not committed".to_owned());
            return (Call::Append { to, key, answer }, None);
        }
        answer => return (Call::Append { to, key, answer }, None),
    };
    if landed.iter().any(|one| one.repeated) {
        let answer = Answer::Given(Ok(landed));
        return (Call::Append { to, key, answer }, None);
    }
    for (one, asked) in landed.iter_mut().zip(&mut to) {
        let events = asked.events.len() as u64;
        asked.events.clear();
        one.version = Version::new(one.version.get().saturating_sub(events));
    }
    let seen = landed.iter().map(|one| one.before).collect();
    let answer = Answer::Given(Ok(landed));
    let key = None;
    (Call::Append { to, key, answer }, Some(seen))
}

fn expecting(to: Vec<Participant>, seen: &[Version]) -> Vec<Participant> {
    let at_seen = |(participant, version): (Participant, &Version)| Participant {
        expected: ExpectedVersion::Exact(*version),
        ..participant
    };
    to.into_iter().zip(seen).map(at_seen).collect()
}

fn landed(to: &[Participant], seen: &[Version]) -> Vec<Landed> {
    let landed = |(asked, before): (&Participant, &Version)| Landed {
        stream: asked.stream,
        before: *before,
        version: before.plus(asked.events.len() as u64),
        repeated: false,
    };
    to.iter().zip(seen).map(landed).collect()
}
