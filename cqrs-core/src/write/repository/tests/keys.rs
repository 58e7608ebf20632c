//! Idempotency keys for every command that serde can write.

use std::{collections::BTreeMap, convert::Infallible};

use super::*;
use crate::roles::To;

#[derive(Debug, Serialize, Deserialize)]
enum MeterEvent {
    Read,
}
impl Event for MeterEvent {
    const CATEGORY: &'static str = "meter";
}

#[derive(Debug, Clone, Default, Serialize)]
struct Read {
    value: u128,
    /// JSON has no keys that are lists.
    by_place: BTreeMap<Vec<u8>, u8>,
}

#[derive(Debug, Default)]
struct Meter;
impl Aggregate for Meter {
    type Command = Read;
    type Event = MeterEvent;
    type Error = Infallible;
    fn handle(&self, _: Read, _: &Context) -> Decision<Self> {
        Ok(vec![MeterEvent::Read])
    }
    fn apply(&mut self, _: MeterEvent) {}
}

#[tokio::test]
async fn a_command_with_a_number_above_64_bits_can_have_a_key() {
    let store = MemoryEventStore::default();
    let meters = store.repository::<Meter>();
    let read = |value| Read {
        value,
        ..Read::default()
    };
    let send = |value| meters.execute("m", read(value)).idempotency_key("k");
    assert!(!send(u128::MAX).await.expect("executes").repeated);
    assert!(send(u128::MAX).await.expect("executes").repeated);
    let other = send(u128::MAX - 1).await;
    assert!(
        matches!(other, Err(ExecuteError::KeyReused(_))),
        "{other:?}"
    );
    let all = [To::<Meter>::new("m", read(u128::MAX))];
    let all = store.execute_all(all).idempotency_key("l").await;
    assert!(!all.expect("executes").repeated);
}

#[tokio::test]
async fn a_command_without_a_json_form_names_its_key() {
    let meters = MemoryEventStore::default().repository::<Meter>();
    let read = Read {
        by_place: BTreeMap::from([(vec![1], 1)]),
        ..Read::default()
    };
    let error = meters.execute("m", read).idempotency_key("k 7").await;
    let error = chain(&error.expect_err("no fingerprint")).to_string();
    assert!(
        error.starts_with("the command under idempotency key \"k 7\" cannot be written as JSON")
            && error.ends_with("key must be a string"),
        "{error}"
    );
}
