-- What subscriptions passed over on request, each with the reason: an event of the log, or a record of a topic with the event that it holds, if any.
-- Rows are only added, by the function discard. Of a key, of a value and of all headers of a record at most 1 MiB each is kept.
create table __schema__.discarded (
    id            bigint      generated always as identity primary key,
    subscription  text        not null collate "C",
    topic         text        collate "C",
    partition     integer,
    "offset"      bigint,
    key           bytea,
    value         bytea,
    header_names  text[],
    header_values bytea[],
    truncated     boolean,
    category      text        collate "C",
    aggregate_id  text        collate "C",
    version       bigint,
    position      bigint,
    event_id      uuid,
    reason        text        not null check (btrim(reason) <> ''),
    discarded_at  timestamptz not null default clock_timestamp(),

    constraint discarded_record check (num_nonnulls(topic, partition, "offset", header_names, header_values, truncated) in (0, 6)),
    constraint discarded_event check (num_nonnulls(category, aggregate_id, version, position, event_id) in (0, 5)),
    constraint discarded_something check (topic is not null or category is not null)
);

comment on table __schema__.discarded is 'The events and records that subscriptions passed over on request, each with the reason.';
comment on column __schema__.discarded.truncated is 'Whether the record was larger than what is kept of it.';
