//! Commands with a lost reply: with a key they are retried, without one the caller gets an error.

use super::{
    scripted::{
        Fault::{self, LostCall, LostReply, None as Works, Unavailable},
        Scripted,
    },
    tally::{Tally, TallyCommand, TallyEvent},
    world::{Tallies, execute},
};
use crate::{
    model::{RetryPolicy, StreamId, Version},
    ports::{EventStore, StoreErrorKind},
    write::{CommandStore, ExecuteError, repository::Executed},
};

/// A stream with one event. `warm`: its state is cached.
async fn one_event(warm: bool) -> (Scripted, Tallies) {
    let store = Scripted::default();
    let tallies = store.repository::<Tally>();
    let first = if warm {
        tallies.clone()
    } else {
        tallies.clone().cache(0)
    };
    execute(&first, TallyCommand::Add(1), None)
        .await
        .expect("executes");
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
        for (fault, expected) in [(LostReply, 2), (LostCall, 1)] {
            let (store, tallies) = one_event(warm).await;
            let read = (!warm).then_some(Works);
            store.fail(read.into_iter().chain([fault]));
            let lost = execute(&tallies, TallyCommand::Add(2), None).await;
            assert_eq!(kind(lost), StoreErrorKind::OutcomeUnknown);
            assert_eq!(version(&store).await, expected, "tried once and not again");
            let next = execute(&tallies, TallyCommand::Add(3), None)
                .await
                .expect("executes");
            assert_eq!(next.version.get(), expected as u64 + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn under_a_key_a_command_with_a_lost_reply_is_retried() {
    let scripts: [&[Fault]; 7] = [
        &[LostReply],
        &[LostCall],
        &[LostCall, Works, LostReply],
        &[LostReply, Works, LostReply, Works, LostCall],
        // The store is unavailable for a while, also for the attempts that settle the outcome.
        &[LostReply, Unavailable, Unavailable],
        &[
            LostCall,
            Unavailable,
            Works,
            Unavailable,
            Works,
            LostReply,
            Unavailable,
        ],
        // The append is known to be a repeat, but its events cannot be read yet.
        &[LostReply, Works, Works, Unavailable],
    ];
    for command in [
        TallyCommand::Add(2),
        TallyCommand::AddTwice(2),
        TallyCommand::MakeEven,
    ] {
        for script in scripts {
            let (store, tallies) = one_event(true).await;
            store.fail(script.iter().copied());
            let settled = execute(&tallies, command, Some(1)).await.expect("settles");
            assert_eq!(settled.version.get(), version(&store).await as u64);
            assert_eq!(settled.events.len(), version(&store).await - 1, "done once");
            let again = execute(&tallies, command, Some(1))
                .await
                .expect("is a repeat");
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
        execute(&tallies, TallyCommand::MakeEven, None)
            .await
            .expect("executes");
        let others = store.repository::<Tally>();
        store.fail([fault]);
        let command = execute(&tallies, TallyCommand::Double, Some(1));
        // Another writer makes the sum odd after the call is lost.
        let settled = {
            let mut command = Box::pin(command);
            let lost = std::future::poll_fn(|context| {
                std::task::Poll::Ready(command.as_mut().poll(context).is_pending())
            });
            assert!(lost.await, "it waits before the next attempt");
            execute(&others, TallyCommand::Add(1), None)
                .await
                .expect("executes");
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

/// However the retries end, the error says that an earlier attempt may have been stored.
#[tokio::test(start_paused = true)]
async fn an_append_that_may_be_stored_is_reported_as_unknown() {
    let policy = RetryPolicy {
        attempts: 4,
        ..RetryPolicy::default()
    };
    let endings: [&[Fault]; 4] = [
        &[
            LostReply, Works, LostReply, Works, LostReply, Works, LostCall,
        ],
        &[LostReply, Unavailable, Unavailable, Unavailable],
        &[LostCall, Works, Unavailable, Unavailable, Unavailable],
        &[
            LostReply,
            Works,
            Works,
            Unavailable,
            Unavailable,
            Unavailable,
        ],
    ];
    for script in endings {
        let (store, tallies) = one_event(true).await;
        store.fail(script.iter().copied());
        let given_up = execute(&tallies.retry(policy), TallyCommand::Add(2), Some(1)).await;
        assert_eq!(kind(given_up), StoreErrorKind::OutcomeUnknown, "{script:?}");
        let calls = store.calls().len();
        assert_eq!(calls, script.len(), "as often as the policy allows");
    }
}

/// The error is not an unknown outcome.
#[tokio::test(start_paused = true)]
async fn a_store_unavailable_at_the_first_call_stored_nothing() {
    for (warm, script) in [
        (false, [Unavailable, Works]),
        (false, [Works, Unavailable]),
        (true, [Unavailable, Unavailable]),
    ] {
        for key in [None, Some(1)] {
            let (store, tallies) = one_event(warm).await;
            store.fail(script);
            let failed = execute(&tallies, TallyCommand::Add(2), key).await;
            assert_eq!(kind(failed), StoreErrorKind::Unavailable);
            assert_eq!(version(&store).await, 1);
        }
    }
}
