-- What was appended under which idempotency key, stream by stream. A repeat returns this and appends nothing.
create table __schema__.idempotency (
    key           text        not null primary key collate "C",
    fingerprint   bigint      not null,
    categories    text[]      not null,
    aggregate_ids text[]      not null,
    before        bigint[]    not null,
    versions      bigint[]    not null,
    positions     bigint[]    not null,
    recorded_at   timestamptz not null default clock_timestamp()
);

comment on table __schema__.idempotency is 'What was appended under which key, stream by stream: the answer to a repeat.';
