//! Two relays of one name: one publishes, the other waits.

use tokio::{sync::oneshot, task::JoinHandle};

use super::*;

type Running = JoinHandle<Result<(), RelayError>>;

/// Runs the relay of a process until its sender is dropped.
fn start<S: EventStore + Leases>(store: &S, broker: &Broker) -> (Running, oneshot::Sender<()>) {
    let relay = Relay::new(store, "model", broker.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(relay.run(async { drop(stopped.await) }));
    (running, stop)
}

async fn stop((running, stop): (Running, oneshot::Sender<()>)) {
    drop(stop);
    running.await.expect("no panic").expect("stops");
}

/// Long enough for every lease to end.
async fn an_hour() {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
}

fn visible_now(broker: &Broker) -> usize {
    broker.state().visible.len()
}

/// A store as a process has it whose heartbeats can be cut off.
fn process(store: &MemoryEventStore) -> Replaced {
    Replaced {
        before: store.clone(),
        replaced_at: u32::MAX,
        ..Replaced::default()
    }
}

fn cut_off(process: &Replaced, how: Option<CutOff>) {
    *process.cut_off.lock().expect("no panic") = how;
}

#[tokio::test(start_paused = true)]
async fn a_second_relay_waits_and_takes_over_at_once() {
    let (store, broker) = (MemoryEventStore::default(), Broker::default());
    append(&store, 1).await;
    let first = start(&store, &broker);
    visible(&broker, 1).await;
    let second = start(&store, &broker);
    an_hour().await;
    assert_eq!(broker.state().epochs, [1], "the first is not fenced");
    append(&store, 2).await;
    visible(&broker, 2).await;
    stop(first).await;
    let before = tokio::time::Instant::now();
    append(&store, 3).await;
    visible(&broker, 3).await;
    let lease = store.lease_times().lease;
    assert!(before.elapsed() < lease, "who stops leaves");
    assert_eq!(broker.state().epochs, [2]);
    stop(second).await;
}

#[tokio::test(start_paused = true)]
async fn relays_of_other_names_do_not_wait() {
    let store = MemoryEventStore::default();
    append(&store, 1).await;
    let (one, two) = (Broker::default(), Broker::default());
    let first = start(&store, &one);
    visible(&one, 1).await;
    let other = Relay::new(&store, "other", two.clone());
    other.run(visible(&two, 1)).await.expect("runs");
    stop(first).await;
}

/// The process is cut off from the store for longer than the lease, and nobody takes over: still it publishes nothing.
#[tokio::test(start_paused = true)]
async fn a_relay_that_is_not_heard_of_publishes_nothing() {
    let (store, broker) = (MemoryEventStore::default(), Broker::default());
    let process = process(&store);
    append(&store, 1).await;
    let first = start(&process, &broker);
    visible(&broker, 1).await;
    cut_off(&process, Some(CutOff::Fails));
    an_hour().await;
    append(&store, 2).await;
    an_hour().await;
    assert_eq!(visible_now(&broker), 1);
    cut_off(&process, None);
    visible(&broker, 2).await;
    stop(first).await;
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_comes_back_waits_in_turn() {
    let (store, broker) = (MemoryEventStore::default(), Broker::default());
    let process = process(&store);
    append(&store, 1).await;
    let first = start(&process, &broker);
    visible(&broker, 1).await;
    cut_off(&process, Some(CutOff::Fails));
    let second = start(&store, &broker);
    append(&store, 2).await;
    visible(&broker, 2).await;
    an_hour().await;
    cut_off(&process, None);
    an_hour().await;
    append(&store, 3).await;
    visible(&broker, 3).await;
    assert_eq!(
        broker.state().epochs,
        [2],
        "neither fences the other in turns"
    );
    stop(second).await;
    append(&store, 4).await;
    visible(&broker, 4).await;
    assert_eq!(broker.state().epochs, [3]);
    stop(first).await;
}

/// The process believes in its lease until the broker has fenced it: it asks the store, and waits.
#[tokio::test(start_paused = true)]
async fn a_relay_that_its_successor_has_fenced_waits_in_turn() {
    let (store, broker) = (MemoryEventStore::default(), Broker::default());
    let process = process(&store);
    append(&store, 1).await;
    let first = start(&process, &broker);
    visible(&broker, 1).await;
    cut_off(&process, Some(CutOff::Believes));
    let second = start(&store, &broker);
    while broker.state().epochs != [2] {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cut_off(&process, None);
    append(&store, 2).await;
    visible(&broker, 2).await;
    an_hour().await;
    assert!(!first.0.is_finished(), "it waits");
    stop(second).await;
    append(&store, 3).await;
    visible(&broker, 3).await;
    assert_eq!(broker.state().epochs, [3]);
    stop(first).await;
}

/// Somebody without the lease has fenced it, for example an operator: this is no matter of turns.
#[tokio::test(start_paused = true)]
async fn a_relay_that_is_fenced_while_it_has_the_lease_ends() {
    let (store, broker) = (MemoryEventStore::default(), Broker::default());
    append(&store, 1).await;
    broker.state().script = [Fate::Fences].into();
    let relay = Relay::new(&store, "model", broker.clone());
    let error = relay.run(std::future::pending()).await;
    let error = error.expect_err("ends");
    assert!(
        matches!(error.kind, RelayErrorKind::Publish(PublishError::Fenced)),
        "{error}"
    );
    assert_eq!(visible_now(&broker), 0);
}
