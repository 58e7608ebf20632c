-- The log: every event, never changed. Only the append functions write it.
-- There are no check constraints: the append functions keep versions in their range, the store keeps slices in theirs, and
-- PostgreSQL parses every check constraint again for each statement that inserts, which takes as long as inserting an event.
create table __schema__.events (
    position       bigint      not null,
    category       text        not null collate "C",
    aggregate_id   text        not null collate "C",
    version        bigint      not null,
    slice          smallint    not null,
    event_id       uuid        not null,
    event_type     text        not null collate "C",
    schema_version integer     not null,
    payload        json        not null,
    correlation_id text,
    causation_id   uuid,
    traceparent    text,
    headers        jsonb,
    recorded_at    timestamptz not null default clock_timestamp(),
    -- Guards and the sequence make versions and positions unique; both keys assert it. append_each also relies on the first.
    constraint events_stream_version primary key (category, aggregate_id, version),
    constraint events_position unique (position)
);

comment on table __schema__.events is 'Every event, never changed. Only the append functions write it.';
comment on column __schema__.events.headers is 'The open headers of an event, an object of strings; null if it has none.';
