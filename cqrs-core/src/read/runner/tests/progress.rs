//! The progress of a runner while it runs and after it has ended.

use std::sync::Arc;

use super::{super::*, Faulty, Sums, filled};
use crate::{
    memory::MemoryEventStore,
    model::{PartitionId, RecordedEvent, Slices},
    ports::{Lag, StoreError, StoreErrorKind},
    read::handler::role,
    roles::{HandlerError, View},
    run_loop::Phase,
};

const LOG: PartitionId = PartitionId::Log(Slices::ALL);

fn runner<F>(store: &MemoryEventStore, then: F) -> LogRunner<MemoryEventStore, Faulty<F>>
where
    F: Fn(&[RecordedEvent]) -> Result<(), HandlerError> + Send + Sync + 'static,
{
    Runner::over_log::<role::Handler>(store, Faulty(then)).expect("a view")
}

fn position(progress: &Progress) -> Option<u64> {
    let partitions = progress.partitions();
    Some(partitions.get(&LOG)?.checkpoint?.offset.get())
}

#[tokio::test(start_paused = true)]
async fn progress_follows_a_runner_to_its_end() {
    let store = filled(20).await;
    let runner = runner(&store, |_: &[RecordedEvent]| Ok(())).batch_size(7);
    let mut progress = runner.progress();
    assert_eq!(progress.phase(), Phase::Starting);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let caught_up = progress.until(|phase| *phase == Phase::CaughtUp).await;
    assert_eq!(
        (caught_up, position(&progress)),
        (Phase::CaughtUp, Some(20))
    );
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("stops");
    assert_eq!(
        (progress.phase(), position(&progress)),
        (Phase::Stopped, Some(20))
    );
    assert_eq!(progress.partitions()[&LOG].phase, Phase::Stopped);
}

#[tokio::test(start_paused = true)]
async fn progress_shows_retries_and_their_errors() {
    let store = filled(3).await;
    let unavailable = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let handler = {
        let unavailable = Arc::clone(&unavailable);
        move |_: &[RecordedEvent]| {
            if unavailable.load(std::sync::atomic::Ordering::Relaxed) {
                let refused = std::io::Error::other("connection refused");
                let error =
                    StoreError::new(StoreErrorKind::Unavailable, "the store is unavailable");
                Err(error.caused_by(refused).into())
            } else {
                Ok(())
            }
        }
    };
    let runner = runner(&store, handler);
    let mut progress = runner.progress();
    let running = tokio::spawn(runner.run(std::future::pending()));
    let failed = |phase: &Phase| matches!(phase, Phase::Retrying { attempts: 5.., .. });
    progress.until(failed).await;
    let message = progress.last_error().expect("it has failed");
    assert_eq!(message, "the store is unavailable: connection refused");
    unavailable.store(false, std::sync::atomic::Ordering::Relaxed);
    progress.until(|phase| *phase == Phase::CaughtUp).await;
    assert_eq!(position(&progress), Some(3));
    running.abort();
    assert_eq!(progress.until(|_| false).await, Phase::Gone);
}

#[tokio::test(start_paused = true)]
async fn progress_names_the_error_that_ended_the_runner() {
    let store = filled(3).await;
    let poison = |batch: &[RecordedEvent]| Err(HandlerError::poison(batch[0].id, "planted"));
    let runner = runner(&store, poison).on_failure(|_| ErrorAction::Stop);
    let progress = runner.progress();
    let error = runner.run(std::future::pending()).await;
    let message = crate::model::chain(&error.expect_err("stops")).to_string();
    assert_eq!(progress.phase(), Phase::Failed(message.clone()));
    assert!(
        message.contains(Sums::NAME)
            && message.ends_with("or pass over it with `Runner::skip`: planted"),
        "{message}"
    );
}

#[test]
fn a_runner_that_never_ran_is_gone() {
    let runner = runner(&MemoryEventStore::default(), |_: &[RecordedEvent]| Ok(()));
    let progress = runner.progress();
    drop(runner);
    assert_eq!(progress.phase(), Phase::Gone);
}

/// What was read and is not handled is the lag, with the age of its first event. It goes on while the event is retried.
#[tokio::test(start_paused = true)]
async fn progress_shows_how_far_behind_and_how_fast() {
    let store = filled(20).await;
    let refuse = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let handler = {
        let refuse = Arc::clone(&refuse);
        move |_: &[RecordedEvent]| {
            if refuse.load(std::sync::atomic::Ordering::Relaxed) {
                let error = StoreError::new(StoreErrorKind::Unavailable, "planted");
                return Err(error.into());
            }
            Ok(())
        }
    };
    let runner = runner(&store, handler).batch_size(7);
    let mut progress = runner.progress();
    assert_eq!(progress.lag(), None, "it has not read");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let fails = |phase: &Phase| matches!(phase, Phase::Retrying { attempts: 3.., .. });
    progress.until(fails).await;
    let lag = progress.lag().expect("it has read");
    assert!(lag.events > 0 && lag.at_least, "{lag}");
    let age = lag.age.expect("there is an event");
    let later = progress.partitions()[&LOG].lag.expect("it has read");
    assert!(later.age.expect("still there") >= age);
    assert!(
        progress.events_per_second().abs() < 0.001,
        "nothing handled"
    );

    refuse.store(false, std::sync::atomic::Ordering::Relaxed);
    progress.until(|phase| *phase == Phase::CaughtUp).await;
    assert_eq!(progress.lag(), Some(Lag::NONE));
    let rate = progress.partitions()[&LOG].events_per_second;
    assert!(rate > 0.0, "20 events within the last ten seconds");
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("stops");
    assert_eq!(progress.lag(), None, "its partition is another's now");
}
