//! Requests that expect a version.

use super::{
    scripted::{Fault, Scripted},
    *,
};
use crate::model::ExpectedVersion;

#[track_caller]
fn outdated(result: &Result<Executed<SeatEvent>, ExecuteError<Full>>, expected: u64, actual: u64) {
    let expected = ExpectedVersion::Exact(Version::new(expected));
    assert!(
        matches!(
            result,
            Err(ExecuteError::Outdated(conflict))
                if conflict.expected == expected && conflict.actual.get() == actual
        ),
        "{result:?}"
    );
}

/// Takes seats until `id` is at version `count`, by another process.
async fn taken(store: &Scripted, count: u64) {
    let others = store.repository::<Room>().cache(0);
    while others.load("one").await.expect("loads").version.get() < count {
        others.execute("one", 7).await.expect("executes");
    }
    store.calls();
}

fn at(version: u64) -> Version {
    Version::new(version)
}

#[tokio::test]
async fn a_request_runs_only_at_the_version_that_it_expects() {
    for cache in [0, 10] {
        let store = Scripted::default();
        let rooms = store.repository::<Room>().cache(cache);
        let first = rooms.execute("one", 1).expecting(Version::EMPTY).await;
        assert_eq!(first.expect("executes").version, at(1));
        outdated(
            &rooms.execute("one", 2).expecting(Version::EMPTY).await,
            0,
            1,
        );
        outdated(&rooms.execute("one", 2).expecting(at(2)).await, 2, 1);
        outdated(&rooms.execute("one", 0).expecting(at(2)).await, 2, 1);
        let nothing = rooms.execute("one", 0).expecting(at(1)).await;
        assert_eq!(nothing.expect("executes").version, at(1));
        let decide = async |_: Room, _: Context| Ok(vec![SeatEvent::Taken { by: 3 }]);
        outdated(&rooms.decide("one", decide).expecting(at(0)).await, 0, 1);
        let second = rooms.decide("one", decide).expecting(at(1)).await;
        assert_eq!(second.expect("executes").version, at(2));
        taken(&store, 48).await;
        outdated(&rooms.execute("one", 9).expecting(at(2)).await, 2, 48);
        let full = rooms.execute("one", 9).expecting(at(48)).await;
        assert!(
            matches!(full, Err(ExecuteError::Rejected(Full))),
            "{full:?}"
        );
    }
}

/// The cached state is at the expected version, and the stream no longer is.
#[tokio::test]
async fn a_stale_state_at_the_expected_version_does_not_count() {
    for by in [0, 9] {
        let store = Scripted::default();
        let rooms = store.repository::<Room>();
        rooms.execute("one", 1).await.expect("executes");
        taken(&store, 3).await;
        outdated(&rooms.execute("one", by).expecting(at(1)).await, 1, 3);
        let calls: &[_] = if by == 0 {
            &["replay"]
        } else {
            &["append", "replay"]
        };
        assert_eq!(store.calls(), calls, "it is not retried");
        // The cached state is now the current one.
        let next = rooms.execute("one", 9).expecting(at(3)).await;
        assert_eq!(next.expect("executes").version, at(4));
    }
}

#[tokio::test]
async fn a_request_that_is_overtaken_is_outdated_at_once() {
    let store = Scripted::default();
    let rooms = store.repository::<Room>();
    let decisions = AtomicU32::new(0);
    let decide = |_: Room, _| {
        decisions.fetch_add(1, Ordering::Relaxed);
        let store = store.clone();
        async move {
            taken(&store, 2).await;
            Ok(vec![SeatEvent::Taken { by: 9 }])
        }
    };
    let decided = rooms.decide("one", decide).expecting(Version::EMPTY).await;
    outdated(&decided, 0, 2);
    assert_eq!(decisions.into_inner(), 1);
}

/// The first execution is itself the reason why the aggregate is at another version.
#[tokio::test(start_paused = true)]
async fn a_repeat_does_not_ask_for_the_expected_version_again() {
    for fault in [Fault::None, Fault::LostReply, Fault::LostCall] {
        let store = Scripted::default();
        let rooms = store.repository::<Room>();
        rooms.execute("one", 1).await.expect("executes");
        let send = || {
            rooms
                .execute("one", 2)
                .expecting(at(1))
                .idempotency_key("k")
        };
        store.fail([fault]);
        let first = send().await.expect("executes");
        assert_eq!(first.version, at(2));
        taken(&store, 5).await;
        for _ in 0..2 {
            let again = send().await.expect("is a repeat");
            assert!(again.repeated);
            assert_eq!((again.version, &again.events), (at(2), &first.events));
        }
        let other = rooms
            .execute("one", 2)
            .expecting(at(1))
            .idempotency_key("l");
        outdated(&other.await, 1, 5);
    }
}
