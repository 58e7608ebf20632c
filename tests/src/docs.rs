//! Every page with code as a doctest, so that readers copy code that compiles. `examples/tutorial` tests the tutorial.

#[doc = include_str!("../../README.md")]
mod readme {}

#[doc = include_str!("../../docs/how-to/bring-your-events-along.md")]
mod how_to_bring_your_events_along {}

#[doc = include_str!("../../docs/how-to/change-an-event.md")]
mod how_to_change_an_event {}

#[doc = include_str!("../../docs/how-to/change-several-aggregates-at-once.md")]
mod how_to_change_several_aggregates_at_once {}

#[doc = include_str!("../../docs/how-to/consume-from-kafka.md")]
mod how_to_consume_from_kafka {}

#[doc = include_str!("../../docs/how-to/encrypt-connections.md")]
mod how_to_encrypt_connections {}

#[doc = include_str!("../../docs/how-to/find-what-holds-readers-back.md")]
mod how_to_find_what_holds_readers_back {}

#[doc = include_str!("../../docs/how-to/handle-errors.md")]
mod how_to_handle_errors {}
#[doc = include_str!("../../docs/how-to/park-what-cannot-be-handled.md")]
mod how_to_park_what_cannot_be_handled {}

#[doc = include_str!("../../docs/how-to/make-commands-idempotent.md")]
mod how_to_make_commands_idempotent {}

#[doc = include_str!("../../docs/how-to/react-to-another-service.md")]
mod how_to_react_to_another_service {}

#[doc = include_str!("../../docs/how-to/rebuild-a-read-model.md")]
mod how_to_rebuild_a_read_model {}

#[doc = include_str!("../../docs/how-to/relay-to-kafka.md")]
mod how_to_relay_to_kafka {}

#[doc = include_str!("../../docs/how-to/run-a-service.md")]
mod how_to_run_a_service {}

#[doc = include_str!("../../docs/how-to/run-on-your-servers.md")]
mod how_to_run_on_your_servers {}

#[doc = include_str!("../../docs/how-to/run-with-least-privilege.md")]
mod how_to_run_with_least_privilege {}

#[doc = include_str!("../../docs/how-to/see-what-the-read-side-does.md")]
mod how_to_see_what_the_read_side_does {}

#[doc = include_str!("../../docs/how-to/share-the-work.md")]
mod how_to_share_the_work {}

#[doc = include_str!("../../docs/how-to/take-snapshots.md")]
mod how_to_take_snapshots {}

#[doc = include_str!("../../docs/how-to/test-your-domain.md")]
mod how_to_test_your_domain {}

#[doc = include_str!("../../docs/how-to/write-a-projection-with-sql.md")]
mod how_to_write_a_projection_with_sql {}

#[doc = include_str!("../../docs/how-to/write-a-view.md")]
mod how_to_write_a_view {}

#[doc = include_str!("../../docs/how-to/write-a-web-handler.md")]
mod how_to_write_a_web_handler {}

#[doc = include_str!("../../docs/how-to/write-an-aggregate.md")]
mod how_to_write_an_aggregate {}
