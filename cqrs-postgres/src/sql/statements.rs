//! The statements of a store: each a file of `sql/queries`, written once for its schema.

use std::{sync::Arc, time::Duration};

use sqlx::AssertSqlSafe;

use crate::sql::{complete, on_one_line};

/// SQL that was made from our own text and the checked name of a schema or view.
#[derive(Debug, Clone)]
pub(crate) struct Statement(Arc<str>);

/// The text of a file of `sql/queries`.
macro_rules! query {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/queries/",
            $name,
            ".sql"
        ))
    };
}

impl Statement {
    /// `text` with the schema in place of `__schema__`.
    pub(crate) fn new(text: &str, schema: &str) -> Self {
        Self(on_one_line(&complete(text, schema)).into())
    }

    /// `text` with the schema and the view's table in place of `__view__`. Nothing is replaced within the view's name.
    pub(crate) fn of_view(text: &str, schema: &str, view: &str) -> Self {
        let table = format!("\"{schema}\".\"view_{view}\"");
        let parts: Vec<_> = text
            .split("__view__")
            .map(|part| complete(part, schema))
            .collect();
        Self(on_one_line(&parts.join(&table)).into())
    }

    /// Begins a unit of work, which the server ends if it is idle for longer.
    pub(crate) fn begin(idle: Duration) -> Self {
        let idle = idle.as_millis().to_string();
        Self::new(&query!("begin").replace("__idle_milliseconds__", &idle), "")
    }

    pub(crate) fn sql(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(Arc::clone(&self.0))
    }
}

/// Whether the transaction is open. Fails in one that cannot commit.
pub(crate) const ASK_OPEN: &str = query!("ask_open");

/// Whether the session can only read.
pub(crate) const ASK_READ_ONLY: &str = query!("ask_read_only");

/// The process of the server that has this session.
pub(crate) const ASK_SESSION: &str = query!("ask_session");

/// Statements about the table of a view, `__view__`.
pub(crate) mod of_view {
    pub(crate) const LOAD: &str = query!("load_documents");
    pub(crate) const SAVE: &str = query!("save_documents");
    pub(crate) const ONE: &str = query!("document");
    pub(crate) const PAGE: &str = query!("documents");
}

macro_rules! statements {
    ($(#[$doc:meta])* $statements:ident { $($name:ident: $file:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $statements { $(pub(crate) $name: Statement),+ }

        impl $statements {
            pub(crate) fn new(schema: &str) -> Self {
                Self { $($name: Statement::new(query!($file), schema)),+ }
            }
        }
    };
}

statements! {
    /// What a store sends at runtime, except about views.
    Statements {
        append: "append",
        is_installed: "is_installed",
        discard: "discard",
        discarded: "discarded",
        park: "park",
        parked: "parked",
        parked_keys: "parked_keys",
        requested: "requested",
        request_parked: "request_parked",
        update_parked: "update_parked",
        unpark: "unpark",
        waiting: "waiting",
        wait: "wait",
        waiting_records: "waiting_records",
        next_dead_letter: "next_dead_letter",
        dead_letter_published: "dead_letter_published",
        count_waiting_records: "count_waiting_records",
        read_stream_page: "read_stream_page",
        reset_parked: "reset_parked",
        append_event: "append_event",
        append_to_one: "append_to_one",
        append_each: "append_each",
        appended_under: "appended_under",
        recorded_under: "recorded_under",
        forget_keys: "forget_keys",
        import_events: "import_events",
        replay: "replay",
        replay_many: "replay_many",
        replay_from_snapshot: "replay_from_snapshot",
        save_snapshot: "save_snapshot",
        fence_holders: "fence_holders",
        read_stream: "read_stream",
        read_streams: "read_streams",
        log_head: "log_head",
        read_log: "read_log",
        read_log_filtered: "read_log_filtered",
        last_in_log: "last_in_log",
        search_log: "search_log",
        search_log_backwards: "search_log_backwards",
        event_id_at: "event_id_at",
        erase_stream: "erase_stream",
        log_identity: "log_identity",
        renew_log_id: "renew_log_id",
        record_operation: "record_operation",
        hold_relay: "hold_relay",
        leave_relay: "leave_relay",
        claim: "claim",
        advance: "advance",
        checkpoint: "checkpoint",
        checkpoint_of_slices: "checkpoint_of_slices",
        subscribe: "subscribe",
        heartbeat: "heartbeat",
        release_lease: "release_lease",
        leave: "leave",
        claim_slices: "claim_slices",
        progress_by_slice: "progress_by_slice",
        partitions: "partitions",
        repartition: "repartition",
        request_of_runners: "request_of_runners",
        overview: "overview",
        operations: "operations",
        selection: "selection",
        select_reads: "select_reads",
        read_again: "read_again",
        standing: "standing",
        living_member: "living_member",
        remove: "remove",
        remove_relay: "remove_relay",
        lock_claims: "lock_claims",
        reset_checkpoints: "reset_checkpoints",
        reset_inbox: "reset_inbox",
        received: "received",
        receive: "receive",
        rewind: "rewind",
        prepare_view: "prepare_view",
        clear_view: "clear_view",
    }
}

statements! {
    /// What is sent to install a store, to check it, and to grant access to it.
    SchemaStatements {
        fix_search_path: "fix_search_path",
        server: "server",
        present_objects: "present_objects",
        has_ledger: "has_ledger",
        installed_migrations: "installed_migrations",
        is_sequence_sound: "is_sequence_sound",
        grant_access: "grant_access",
    }
}
