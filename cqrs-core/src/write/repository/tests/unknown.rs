//! Commands with a lost reply: with a key they are retried, without one the caller gets an error.

use super::{
    scripted::{
        Fault::{self, Away, LostCall, LostReply, None as Answered},
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

/// A stream with one event. `warm`: its state is cached.
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
async fn without_a_key_a_lost_reply_is_an_unknown_outcome() {
    for warm in [false, true] {
        for (fault, landed) in [(LostReply, 2), (LostCall, 1)] {
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
async fn under_a_key_a_command_with_a_lost_reply_is_retried() {
    let scripts: [&[Fault]; 7] = [
        &[LostReply],
        &[LostCall],
        &[LostCall, Answered, LostReply],
        &[LostReply, Answered, LostReply, Answered, LostCall],
        // The store is unavailable for a while, also for the attempts that settle the outcome.
        &[LostReply, Away, Away],
        &[LostCall, Away, Answered, Away, Answered, LostReply, Away],
        // The append is known to be a repeat, but its events cannot be read yet.
        &[LostReply, Answered, Answered, Away],
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

/// The command's own events are the reason for its rejection.
#[tokio::test(start_paused = true)]
async fn a_rejection_after_a_lost_reply_is_not_returned() {
    for fault in [LostReply, LostCall] {
        let (store, tallies) = one_event(true).await;
        ask_for(&tallies, Ask::MakeEven, None)
            .await
            .expect("executes");
        let others = Repository::<Tally, _>::new(store.clone());
        store.fail([fault]);
        let command = ask_for(&tallies, Ask::Double, Some(1));
        // Another writer makes the sum odd after the call is lost.
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
            LostReply => assert_eq!(settled.expect("was done").version.get(), 3),
            _ => assert!(
                matches!(settled, Err(ExecuteError::Rejected(_))),
                "{settled:?}"
            ),
        }
    }
}

/// The error of every ending says that an earlier attempt may have been stored.
#[tokio::test(start_paused = true)]
async fn an_append_that_may_be_stored_is_reported_as_unknown() {
    let policy = RetryPolicy {
        attempts: 4,
        ..RetryPolicy::default()
    };
    let endings: [&[Fault]; 4] = [
        &[
            LostReply, Answered, LostReply, Answered, LostReply, Answered, LostCall,
        ],
        &[LostReply, Away, Away, Away],
        &[LostCall, Answered, Away, Away, Away],
        &[LostReply, Answered, Answered, Away, Away, Away],
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

/// The error is not an unknown outcome.
#[tokio::test(start_paused = true)]
async fn a_store_unavailable_at_the_first_call_stored_nothing() {
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
