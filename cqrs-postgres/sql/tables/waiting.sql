-- The records of topics that wait for a parked key, with the one in front, in the order of their ids. They are kept whole, because a topic
-- may lose them; one that was created again has other records at the same offsets.
-- Only the owner of the partition's claim adds and removes rows, in a transaction that begins with advance(). Who has published a dead letter
-- notes that in its row, without a claim.
create table __schema__.waiting (
    id            bigint      generated always as identity primary key,
    subscription  text        not null collate "C",
    partition     text        not null collate "C",
    "offset"      bigint      not null,
    key           text        not null collate "C",
    is_stream     boolean     not null,
    topic         text        not null collate "C",
    number        integer     not null,
    record_key    bytea,
    value         bytea,
    headers       json        not null,
    recorded_at   timestamptz,
    append_time   boolean     not null default false,
    published_at  timestamptz,
    waits_since   timestamptz not null default clock_timestamp()
);

comment on table __schema__.waiting is 'The records of topics that wait for a parked key.';
comment on column __schema__.waiting.partition is 'As in checkpoints: topic and number.';
comment on column __schema__.waiting.key is 'The parked key. The key of the record is record_key.';
comment on column __schema__.waiting.headers is 'Pairs of name and value. Each byte of a value is the character with its number.';
comment on column __schema__.waiting.recorded_at is 'The timestamp of the record.';
comment on column __schema__.waiting.append_time is 'Whether the broker has set the timestamp, and not the producer.';
comment on column __schema__.waiting.published_at is 'When the record was published as a dead letter; null: it was not.';
