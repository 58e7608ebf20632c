//! Commands whose answer gets lost on its way: a key settles them, and without one the caller is told.

use super::{
    scripted::{
        Fault::{self, Away, LostAnswer, LostCall, None as Answered},
        Scripted,
    },
    tally::{Ask, Tally, TallyEvent},
    world::{Tallies, ask_for},
};
use crate::{
    model::{RetryPolicy, StreamId, Version},
    ports::{EventStore, StoreErrorKind},
    write::repository::{ExecuteError, Executed, Repository},
};

/// A stream with one event. `warm`: whose state is kept.
async fn one_event(warm: bool) -> (Scripted, Tallies) {
    let store = Scripted::default();
    let tallies = Repository::<Tally, _>::new(store.clone());
    let first = if warm {
        tallies.clone()
    } else {
        tallies.clone().cache(0)
    };
    ask_for(&first, Ask::Add(1), None).await.expect("executes");
    store.calls();
    (store, tallies)
}

async fn version(store: &Scripted) -> usize {
    let stream = StreamId::of::<TallyEvent>("one").expect("valid");
    let read = store.log().read_stream(&stream, Version::EMPTY).await;
    read.expect("reads").len()
}

fn kind<T: std::fmt::Debug, E: std::error::Error>(
    outcome: Result<T, ExecuteError<E>>,
) -> StoreErrorKind {
    match outcome {
        Err(ExecuteError::Store(error)) => error.kind(),
        other => panic!("a failure of the store was expected, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_key_a_lost_answer_is_an_error_that_says_so() {
    for warm in [false, true] {
        for (fault, landed) in [(LostAnswer, 2), (LostCall, 1)] {
            let (store, tallies) = one_event(warm).await;
            let read = (!warm).then_some(Answered);
            store.fail(read.into_iter().chain([fault]));
            let lost = ask_for(&tallies, Ask::Add(2), None).await;
            assert_eq!(kind(lost), StoreErrorKind::OutcomeUnknown);
            assert_eq!(version(&store).await, landed, "tried once and not again");
            let next = ask_for(&tallies, Ask::Add(3), None)
                .await
                .expect("executes");
            assert_eq!(next.version.get(), landed as u64 + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_key_a_lost_answer_settles_by_itself() {
    let scripts: [&[Fault]; 7] = [
        &[LostAnswer],
        &[LostCall],
        &[LostCall, Answered, LostAnswer],
        &[LostAnswer, Answered, LostAnswer, Answered, LostCall],
        // The store is away for a while: also for the reads that would tell.
        &[LostAnswer, Away, Away],
        &[LostCall, Away, Answered, Away, Answered, LostAnswer, Away],
        // Known to be a repeat, but what it did cannot be read yet.
        &[LostAnswer, Answered, Answered, Away],
    ];
    for ask in [Ask::Add(2), Ask::AddTwice(2), Ask::MakeEven] {
        for script in scripts {
            let (store, tallies) = one_event(true).await;
            store.fail(script.iter().copied());
            let settled = ask_for(&tallies, ask, Some(1)).await.expect("settles");
            assert_eq!(settled.version.get(), version(&store).await as u64);
            assert_eq!(settled.events.len(), version(&store).await - 1, "done once");
            let again = ask_for(&tallies, ask, Some(1)).await.expect("is a repeat");
            assert_eq!(
                again,
                Executed {
                    repeated: true,
                    ..settled
                }
            );
        }
    }
}

/// What it is refused for is what it has done itself.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_is_not_believed() {
    for fault in [LostAnswer, LostCall] {
        let (store, tallies) = one_event(true).await;
        ask_for(&tallies, Ask::MakeEven, None)
            .await
            .expect("executes");
        let others = Repository::<Tally, _>::new(store.clone());
        store.fail([fault]);
        let command = ask_for(&tallies, Ask::Double, Some(1));
        // Somebody else makes the sum odd, once the call is lost.
        let settled = {
            let mut command = Box::pin(command);
            let lost = std::future::poll_fn(|context| {
                std::task::Poll::Ready(command.as_mut().poll(context).is_pending())
            });
            assert!(lost.await, "it waits before the next attempt");
            ask_for(&others, Ask::Add(1), None).await.expect("executes");
            command.await
        };
        match fault {
            LostAnswer => assert_eq!(settled.expect("was done").version.get(), 3),
            _ => assert!(
                matches!(settled, Err(ExecuteError::Rejected(_))),
                "{settled:?}"
            ),
        }
    }
}

/// However the attempts end, what may have been stored is not denied.
#[tokio::test(start_paused = true)]
async fn what_may_have_been_stored_is_never_denied() {
    let policy = RetryPolicy {
        attempts: 4,
        ..RetryPolicy::default()
    };
    let endings: [&[Fault]; 4] = [
        &[
            LostAnswer, Answered, LostAnswer, Answered, LostAnswer, Answered, LostCall,
        ],
        &[LostAnswer, Away, Away, Away],
        &[LostCall, Answered, Away, Away, Away],
        &[LostAnswer, Answered, Answered, Away, Away, Away],
    ];
    for script in endings {
        let (store, tallies) = one_event(true).await;
        store.fail(script.iter().copied());
        let given_up = ask_for(&tallies.retry(policy), Ask::Add(2), Some(1)).await;
        assert_eq!(kind(given_up), StoreErrorKind::OutcomeUnknown, "{script:?}");
        let calls = store.calls().len();
        assert_eq!(calls, script.len(), "as often as the policy allows");
    }
}

/// A store that is away before anything was sent has stored nothing, and there is nothing to settle.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_from_the_start_is_no_unknown_outcome() {
    for (warm, script) in [
        (false, [Away, Answered]),
        (false, [Answered, Away]),
        (true, [Away, Away]),
    ] {
        for key in [None, Some(1)] {
            let (store, tallies) = one_event(warm).await;
            store.fail(script);
            let away = ask_for(&tallies, Ask::Add(2), key).await;
            assert_eq!(kind(away), StoreErrorKind::Unavailable);
            assert_eq!(version(&store).await, 1);
        }
    }
}
