//! An expectation has the same result in a batch as alone, whatever the other appends of the batch expect.

use cqrs_core::{
    EventId, EventStore, ExpectedVersion,
    ExpectedVersion::*,
    Version,
    ports::{Append, AppendError},
};
use cqrs_postgres::PgEventStore;

use crate::support::{Outcome, append, fresh_store, number, outcomes, start};

/// A stream's number of events, the expectation, and the number of appended events.
#[derive(Debug, Clone, Copy)]
struct Case {
    there: usize,
    expected: Expected,
    appended: usize,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    Is(ExpectedVersion),
    /// The event that is last.
    Last,
}

fn cases() -> Vec<Case> {
    let nobody = |version| LastEvent(Version::new(version), EventId::from_uuid(uuid::Uuid::nil()));
    let mut expected = vec![Any, NoStream, StreamExists];
    expected.extend((0..=4).map(|version| Exact(Version::new(version))));
    expected.extend((0..=4).map(nobody));
    let mut expected: Vec<_> = expected.into_iter().map(Expected::Is).collect();
    expected.push(Expected::Last);
    let case = |there, appended| {
        expected.iter().map(move |&expected| Case {
            there,
            expected,
            appended,
        })
    };
    let all =
        [(0, 0), (0, 1), (3, 0), (3, 1), (3, 2)].map(|(there, appended)| case(there, appended));
    all.into_iter()
        .flatten()
        .filter(|case| case.there > 0 || !matches!(case.expected, Expected::Last))
        .collect()
}

impl Case {
    /// The append, to a stream created for it.
    async fn prepare(self, store: &PgEventStore, id: &str) -> Append {
        let before = append(id, self.there);
        let last = before.events.last().map(|event| event.id);
        if self.there > 0 {
            store.append(before).await.expect("appends");
        }
        let expected = match (self.expected, last) {
            (Expected::Is(expected), _) => expected,
            (Expected::Last, Some(id)) => LastEvent(Version::new(self.there as u64), id),
            (Expected::Last, None) => NoStream,
        };
        append(id, self.appended).expecting(expected)
    }
}

/// The versions before and after the append, or the actual version of a conflict.
fn result(outcome: &Outcome) -> Result<(Version, Version, bool), Version> {
    match outcome {
        Ok(appended) => Ok((
            appended[0].before,
            appended[0].version,
            appended[0].position.is_some(),
        )),
        Err(AppendError::Conflict(conflict)) => Err(conflict.actual),
        Err(error) => panic!("{error}"),
    }
}

/// Checks that the returned position is that of the stream's last event.
async fn all_landed(store: &PgEventStore, outcomes: &[Outcome]) {
    for appended in outcomes.iter().flatten().flatten() {
        let Some(position) = appended.position else {
            continue;
        };
        let id = appended.stream.id();
        let last =
            format!("select max(position) from __schema__.events where aggregate_id = '{id}'");
        assert_eq!(
            position.get().cast_signed(),
            number(store, &last).await,
            "{id}"
        );
    }
}

#[tokio::test]
async fn an_expectation_has_the_same_result_in_a_batch() {
    let store = fresh_store().await;
    let mut alone = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        let append = case.prepare(&store, &format!("alone-{n}")).await;
        alone.push(result(&store.append_all(append.into()).await));
    }
    let rejected = alone.iter().filter(|result| result.is_err()).count();
    assert_eq!((rejected, alone.len()), (50, 68), "both must occur");

    // Beside correct appends, so that only this one fails.
    for ((n, case), alone) in cases().into_iter().enumerate().zip(&alone) {
        let append = case.prepare(&store, &format!("beside-{n}")).await;
        let mut batch = vec![append];
        for right in 0..5 {
            batch.push(RIGHT.prepare(&store, &format!("right-{n}-{right}")).await);
        }
        batch.swap(0, 3);
        let outcomes = outcomes(start(&store, batch)).await;
        all_landed(&store, &outcomes).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            match n {
                3 => assert_eq!(&result(outcome), alone, "{case:?}"),
                _ => assert_eq!(
                    result(outcome),
                    Ok((Version::new(3), Version::new(4), true))
                ),
            }
        }
    }

    let together = "select count(distinct xmin::text) from __schema__.events where version = 4 and aggregate_id like 'right-%'";
    let (appends, transactions) = (5 * 68, number(&store, together).await);
    assert!(
        5 * transactions < 4 * appends,
        "{appends} appends in {transactions} transactions are no batches"
    );

    // In one batch with all others.
    let mut batch = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        batch.push(case.prepare(&store, &format!("together-{n}")).await);
    }
    let together = outcomes(start(&store, batch)).await;
    all_landed(&store, &together).await;
    for ((case, alone), outcome) in cases().iter().zip(&alone).zip(&together) {
        assert_eq!(&result(outcome), alone, "{case:?}");
    }
}

const RIGHT: Case = Case {
    there: 3,
    expected: Expected::Last,
    appended: 1,
};
