#[test]
#[should_panic]
fn a_snapshot_changes_the_state() {
    Spec::<Bag<3>>::new()
        .given([BagEvent::Filled { sizes: [1].into(), name: "new".into() }])
        .snapshot()
        .then_state(Bag { sizes: [1].into(), events: 1 });
}

#[test]
#[should_panic]
fn an_old_event_is_not_taken() {
    Spec::<Bag<3>>::new()
        .given_stored("Filled", 1, r#"{"sizes":[1]}"#)
        .then_readable();
}

#[test]
#[should_panic]
fn a_batch_changes_the_documents() {
    Spec::view(First(3))
        .given("a", [BagEvent::Filled { sizes: [1].into(), name: "new".into() }])
        .given("a", [BagEvent::Filled { sizes: [1].into(), name: "new".into() }, BagEvent::Filled { sizes: [1].into(), name: "new".into() }, BagEvent::Filled { sizes: [1].into(), name: "new".into() }])
        .then([("a", Sizes { last: [1].into(), count: 0, is_first: false })]);
}

#[test]
#[should_panic]
fn an_event_changes_the_next_command() {
    Spec::reactor(Largest(AtomicU8::new(0)))
        .given("a", [BagEvent::Filled { sizes: [2].into(), name: "new".into() }])
        .when("a", BagEvent::Filled { sizes: [1].into(), name: "new".into() })
        .then([To::<Bag<3>>::new("a", [1].into())]);
}
