#[test]
fn events() {
    Spec::<Order>::new()
        .id("o-1")
        .at(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9))
        .header("user", "ann")
        .given([OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }])
        .when(OrderCommand::Cancel)
        .then([OrderEvent::Cancelled { at: std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9), after: std::time::Duration::new(1, 500000000), by: "ann".into() }]);
}

#[test]
fn events_with_collections() {
    Spec::<Order>::new()
        .metadata(cqrs_core::Metadata::new(Some("c".into()), Some(cqrs_testing::event_id(7)), None, [("user".into(), "bob".into())].into()))
        .when(OrderCommand::Place { lines: [Line { sku: "say \"hi\", {please}".into(), count: 3 }].into() })
        .then([OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 3 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }]);
}

#[test]
fn a_rejection() {
    Spec::<Order>::new()
        .when(OrderCommand::Place { lines: [Line { sku: "say \"hi\", {please}".into(), count: 10 }].into() })
        .then_rejected(OrderError::TooMany(10));
}

#[test]
fn a_state() {
    Spec::<Order>::new()
        .given([OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }])
        .given_stored("Cancelled", 1, r#"{"at":{"secs_since_epoch":9,"nanos_since_epoch":0},"after":{"secs":1,"nanos":0}}"#)
        .snapshot()
        .then_state(Order { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), tags: ["new".into()].into(), cancelled: Some(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9)) });
}

#[test]
fn a_property() {
    let property = |order: &Order| order.tags.clone();
    // `property`: as in the test that failed.
    Spec::<Order>::new()
        .given([OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }])
        .then_state_has(property, ["new".into()].into());
}

#[test]
fn documents() {
    Spec::view(Orders)
        .given("o-1", [OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }])
        .when("o-2", OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 2 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() })
        .again()
        .rebuild()
        .then([("o-1", [1].into()), ("o-2", [2].into())]);
}

#[test]
fn documents_of_a_value() {
    let view = Above(0);
    // `view`: as in the test that failed.
    Spec::view(view)
        .when("o-2", OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 2 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() })
        .again_last(1)
        .then([("o-2", [2].into())]);
}

#[test]
fn commands_of_a_union() {
    Spec::reactor(Keeper)
        .given("o-1", [OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }])
        .when("o-1", OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() })
        .then([To::<Order>::new("next", OrderCommand::Place { lines: [Line { sku: "say \"hi\", {please}".into(), count: 2 }].into() }).into(), To::<Lamp>::new("o-1", Some(1)).into()]);
}

#[test]
fn commands_for_a_stored_event() {
    Spec::reactor(Keeper)
        .when_stored::<OrderEvent>("o-1", "Cancelled", 1, r#"{"at":{"secs_since_epoch":9,"nanos_since_epoch":0},"after":{"secs":1,"nanos":0}}"#)
        .then([To::<Lamp>::new("o-1", None).into()]);
}

#[test]
fn commands_after_a_rejection() {
    let rejection = too_many();
    // `rejection`: as in the test that failed.
    Spec::reactor(Keeper)
        .when_rejected("o-1", OrderEvent::Placed { lines: [Line { sku: "say \"hi\", {please}".into(), count: 1 }].into(), note: Some("it's [soon]".into()), prices: [("say \"hi\", {please}".into(), 5)].into(), tags: ["new".into()].into() }, &rejection)
        .then([To::<Order>::new("next", OrderCommand::Cancel).into()]);
}
