//! The guide: the pages of the repository's `docs/`, from the tutorial to the decisions.
//!
//! **Start here**: [a tutorial](bank_account).
//!
//! **How to**
//!
//! - write [an aggregate](write_an_aggregate), [a view](write_a_view), [a projection with SQL](write_a_projection_with_sql),
//!   [a reactor](react_to_another_service), [a web handler](write_a_web_handler),
//!   [tests](test_your_domain)
//! - [make commands idempotent](make_commands_idempotent), [change several aggregates at
//!   once](change_several_aggregates_at_once), [take snapshots](take_snapshots), [change an event](change_an_event),
//!   [bring your events along](bring_your_events_along), [handle errors](handle_errors),
//!   [park what cannot be handled](park_what_cannot_be_handled)
//! - [relay to Kafka](relay_to_kafka), [consume from Kafka](consume_from_kafka)
//! - [run a service](run_a_service), [in several processes](share_the_work), [on your servers](run_on_your_servers), [with the least
//!   privilege](run_with_least_privilege), [with TLS and logins](encrypt_connections), [rebuild a read model](rebuild_a_read_model), [find what holds readers
//!   back](find_what_holds_readers_back), [see what the read side does](see_what_the_read_side_does), [check your store](check_your_store)
//!
//! **Reference**: [every error, its causes and what to do](errors), [metrics],
//! [what a topic may hold](what_a_topic_may_hold)
//!
//! **Explanation**
//!
//! - [when to use which framework](which_framework)
//! - guarantees: [delivery guarantees](delivery_guarantees), [invariants and their tests](invariants),
//!   [what was tried against it](attacks)
//! - design: [appending], [the global order](global_order), [the runner](runner), [performance]
//! - reasons: [decisions]

// The pages link to each other by reference, and the first definition of a reference wins. So a link leads to a module in
// rustdoc and to a file in the repository. Their code is tested in the package `cqrs-tests`, which has all crates.
macro_rules! page {
    ($name:ident, $path:literal) => {
        #[doc = include_str!("guide/links.md")]
        #[cfg_attr(not(doctest), doc = include_str!($path))]
        pub mod $name {}
    };
}

page!(bank_account, "../docs/tutorial/bank-account.md");

page!(change_an_event, "../docs/how-to/change-an-event.md");
page!(
    bring_your_events_along,
    "../docs/how-to/bring-your-events-along.md"
);
page!(
    change_several_aggregates_at_once,
    "../docs/how-to/change-several-aggregates-at-once.md"
);
page!(check_your_store, "../docs/how-to/check-your-store.md");
page!(consume_from_kafka, "../docs/how-to/consume-from-kafka.md");
page!(encrypt_connections, "../docs/how-to/encrypt-connections.md");
page!(
    find_what_holds_readers_back,
    "../docs/how-to/find-what-holds-readers-back.md"
);
page!(handle_errors, "../docs/how-to/handle-errors.md");
page!(
    park_what_cannot_be_handled,
    "../docs/how-to/park-what-cannot-be-handled.md"
);
page!(
    make_commands_idempotent,
    "../docs/how-to/make-commands-idempotent.md"
);
page!(
    react_to_another_service,
    "../docs/how-to/react-to-another-service.md"
);
page!(
    rebuild_a_read_model,
    "../docs/how-to/rebuild-a-read-model.md"
);
page!(relay_to_kafka, "../docs/how-to/relay-to-kafka.md");
page!(run_a_service, "../docs/how-to/run-a-service.md");
page!(run_on_your_servers, "../docs/how-to/run-on-your-servers.md");
page!(
    run_with_least_privilege,
    "../docs/how-to/run-with-least-privilege.md"
);
page!(
    see_what_the_read_side_does,
    "../docs/how-to/see-what-the-read-side-does.md"
);
page!(share_the_work, "../docs/how-to/share-the-work.md");
page!(take_snapshots, "../docs/how-to/take-snapshots.md");
page!(test_your_domain, "../docs/how-to/test-your-domain.md");
page!(
    write_a_projection_with_sql,
    "../docs/how-to/write-a-projection-with-sql.md"
);
page!(write_a_view, "../docs/how-to/write-a-view.md");
page!(write_a_web_handler, "../docs/how-to/write-a-web-handler.md");
page!(write_an_aggregate, "../docs/how-to/write-an-aggregate.md");

page!(errors, "../docs/reference/errors.md");
page!(metrics, "../docs/reference/metrics.md");
page!(
    what_a_topic_may_hold,
    "../docs/reference/what-a-topic-may-hold.md"
);

page!(appending, "../docs/explanation/appending.md");
page!(
    delivery_guarantees,
    "../docs/explanation/delivery-guarantees.md"
);
page!(global_order, "../docs/explanation/global-order.md");
page!(attacks, "../docs/explanation/attacks.md");
page!(invariants, "../docs/explanation/invariants.md");
page!(performance, "../docs/explanation/performance.md");
page!(runner, "../docs/explanation/runner.md");
page!(which_framework, "../docs/explanation/which-framework.md");

/// Decisions: for each its question, its reasons, the rejected alternatives and the price.
///
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/decisions/0001-append-fence.md")]
#[doc = include_str!("../docs/decisions/0002-position-in-the-kafka-transaction.md")]
#[doc = include_str!("../docs/decisions/0003-a-checkpoint-is-anchored-at-an-event.md")]
#[doc = include_str!("../docs/decisions/0004-each-relay-shard-reads-the-log.md")]
#[doc = include_str!("../docs/decisions/0005-documents-are-locked-and-versioned.md")]
#[doc = include_str!("../docs/decisions/0006-memory-proves-its-guards-at-commit.md")]
#[doc = include_str!("../docs/decisions/0007-idle-workers-compare-their-checkpoint.md")]
#[doc = include_str!("../docs/decisions/0008-metadata-belongs-to-the-event.md")]
#[doc = include_str!("../docs/decisions/0009-no-workaround-for-nagle.md")]
#[doc = include_str!("../docs/decisions/0010-batches-try-guards.md")]
#[doc = include_str!("../docs/decisions/0011-a-cached-state-is-anchored-at-an-event.md")]
#[doc = include_str!("../docs/decisions/0012-the-shape-is-traced-through-serde.md")]
#[doc = include_str!("../docs/decisions/0013-connections-for-single-statements.md")]
#[doc = include_str!("../docs/decisions/0014-append-functions-run-as-the-owner.md")]
#[doc = include_str!("../docs/decisions/0015-commands-to-one-aggregate-take-turns.md")]
#[doc = include_str!("../docs/decisions/0016-metrics-through-a-facade.md")]
#[doc = include_str!("../docs/decisions/0017-functions-that-append.md")]
#[doc = include_str!("../docs/decisions/0018-known-streams-skip-the-version-check.md")]
#[doc = include_str!("../docs/decisions/0019-append-functions-check-the-search-path.md")]
#[doc = include_str!("../docs/decisions/0020-a-batch-inserts-first.md")]
#[doc = include_str!("../docs/decisions/0021-a-library-pool-for-single-statements.md")]
#[doc = include_str!("../docs/decisions/0022-one-sql-baseline.md")]
#[doc = include_str!("../docs/decisions/0023-ports-without-async-trait.md")]
#[doc = include_str!("../docs/decisions/0024-a-progress-topic-names-log-and-topics.md")]
#[doc = include_str!("../docs/decisions/0025-a-name-is-held-by-a-session.md")]
#[doc = include_str!("../docs/decisions/0026-one-step-decides-and-commands-are-visited.md")]
#[doc = include_str!("../docs/decisions/0027-a-stream-stays-in-its-slice.md")]
#[doc = include_str!("../docs/decisions/0028-tls-by-openssl-and-rustls.md")]
#[doc = include_str!("../docs/decisions/0029-upcasters-are-data-of-the-enum.md")]
#[doc = include_str!("../docs/decisions/0030-a-reactor-sends-single-commands.md")]
#[doc = include_str!("../docs/decisions/0031-payloads-are-limited-and-imports-are-pages.md")]
#[doc = include_str!("../docs/decisions/0032-a-group-has-one-subscriber.md")]
#[doc = include_str!("../docs/decisions/0033-a-catalogue-of-stored-events.md")]
#[doc = include_str!("../docs/decisions/0034-laws-generate-commands-and-shrink-until-nothing-changes.md")]
#[doc = include_str!("../docs/decisions/0035-processes-share-partitions-by-leases.md")]
#[doc = include_str!("../docs/decisions/0036-what-cannot-be-handled-is-parked-by-its-key.md")]
#[doc = include_str!("../docs/decisions/0037-a-relay-has-a-lease.md")]
#[doc = include_str!("../docs/decisions/0038-ordering-keys-may-decide-the-partition.md")]
#[doc = include_str!("../docs/decisions/0039-one-port-asks-and-one-port-changes.md")]
#[doc = include_str!("../docs/decisions/0040-dead-letters-are-published-beside-the-worker.md")]
#[doc = include_str!("../docs/decisions/0041-what-was-passed-over-is-decided-by-a-person.md")]
pub mod decisions {}
