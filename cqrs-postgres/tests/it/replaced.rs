//! A log that lacks the event of a checkpoint: each role follows the advice of the error to the letter, and nothing is handled twice.

use cqrs_core::{
    EventStore, Position, ReadModel, Runner, StoreErrorKind, StreamId, Version, chain,
    model::Category,
    ports::{CommitError, SourceError},
    read::{Handler, LogRunner, RunnerError, RunnerErrorKind},
    role,
};
use cqrs_postgres::PgEventStore;

use crate::{
    roles::{Balances, Mirror, Total, open},
    support::{fresh_store, number, run},
};

/// Deletes an event by hand, as nobody should.
async fn lose(store: &PgEventStore, position: u64) {
    let sql = format!(
        "alter table __schema__.events disable trigger events_never_change;
         delete from __schema__.events where position = {position};
         alter table __schema__.events enable always trigger events_never_change;"
    );
    run(store, &sql).await;
}

/// The position of the checkpoint that the error names. The advice is in its text.
fn replaced(error: RunnerError, advice: &str) -> Position {
    let text = chain(&error).to_string();
    for part in ["Start the runner again once", advice] {
        assert!(text.contains(part), "{text}");
    }
    match error.kind {
        RunnerErrorKind::Source(SourceError::LogReplaced { replaced, .. }) => replaced.position,
        other => panic!("{other:?}"),
    }
}

async fn catch_up<H: Handler<PgEventStore>>(
    runner: Result<LogRunner<PgEventStore, H>, RunnerError>,
) -> Result<(), RunnerError> {
    runner?.catch_up().await
}

/// `begin` ran up to the last event, which is then lost.
async fn three_events() -> PgEventStore {
    let store = fresh_store().await;
    open(&store, "ann", 3).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_reset() {
    let store = three_events().await;
    let view = || Runner::over_log::<role::View>(&store, Balances);
    catch_up(view()).await.expect("runs");
    lose(&store, 3).await;
    open(&store, "bob", 1).await;
    for _ in 0..2 {
        let error = catch_up(view()).await.expect_err("stops");
        replaced(error, "ReadModel::reset");
    }
    let balances = ReadModel::<Balances, _>::new(&store);
    balances.reset("rebuild").await.expect("resets");
    catch_up(view()).await.expect("runs");
    let count = async |id| balances.get(id).await.expect("reads");
    assert_eq!((count("ann").await, count("bob").await), (Some(2), Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reactor_continues_after_an_event_and_sends_nothing_twice() {
    let store = three_events().await;
    let reactor = || Runner::over_log::<role::Reactor>(&store, Mirror);
    catch_up(reactor()).await.expect("runs");
    let mirror = StreamId::new(Category::new("mirror").expect("valid"), "all").expect("valid");
    let sent = async || {
        store
            .read_stream(&mirror, Version::EMPTY)
            .await
            .expect("reads")
            .len()
    };
    assert_eq!(sent().await, 3);
    let at = number(&store, "select \"offset\" from __schema__.checkpoints").await;
    lose(&store, u64::try_from(at).expect("a position")).await;
    let left = sent().await;
    open(&store, "bob", 2).await;
    let error = catch_up(reactor()).await.expect_err("stops");
    let position = replaced(error, "LogRunner::continue_after");
    let reactor_ = reactor().expect("a reactor");
    let continued = reactor_.continue_after(position, "one event was deleted");
    assert!(
        continued.await.expect("continues") < position,
        "the last event before it"
    );
    catch_up(reactor()).await.expect("runs");
    assert_eq!(sent().await, left + 2, "one command for each new event");
    let recorded = format!(
        "select count(*) from __schema__.operations where verb = 'continue_after' and who = session_user
         and reason = 'one event was deleted' and arguments ->> 'from' = '{position}' and arguments ->> 'subscription' = 'mirror'"
    );
    assert_eq!(number(&store, &recorded).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_continues_after_an_event_and_counts_nothing_twice() {
    let store = three_events().await;
    run(
        &store,
        "create table __schema__.total (events bigint not null); insert into __schema__.total values (0)",
    )
    .await;
    let projection = || {
        let table = format!("\"{}\".total", store.schema());
        Runner::over_log::<role::Projection>(&store, Total(table))
    };
    let total = async || number(&store, "select events from __schema__.total").await;
    catch_up(projection()).await.expect("runs");
    lose(&store, 3).await;
    open(&store, "bob", 2).await;
    let error = catch_up(projection()).await.expect_err("stops");
    let position = replaced(error, "LogRunner::continue_after");
    let projection_ = projection().expect("a projection");
    let continued = projection_.continue_after(position, "one event was deleted");
    assert_eq!(continued.await.expect("continues"), Position::new(2));
    catch_up(projection()).await.expect("runs");
    assert_eq!(total().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_log_does_not_have_is_refused() {
    let store = three_events().await;
    let runner = || Runner::over_log::<role::View>(&store, Balances).expect("a view");
    catch_up(Ok(runner())).await.expect("runs");
    for (position, reason, part) in [
        (Position::new(3), " ", "the reason is empty"),
        (Position::new(4), "why", "no position 4 yet"),
        (Position::START, "why", "no event is at position 0"),
    ] {
        let refused = runner().continue_after(position, reason).await;
        let Err(CommitError::Store(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
        assert!(error.to_string().contains(part), "{error}");
    }
    let untouched =
        "select count(*) from __schema__.checkpoints where \"offset\" = 3 and epoch = 1";
    assert_eq!(number(&store, untouched).await, 1);
    assert_eq!(
        number(&store, "select count(*) from __schema__.operations").await,
        0
    );
}
