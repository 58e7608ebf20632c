-- The keys whose next event a subscription could not handle. Later events of the key wait: they are in the log, and those of a topic in the
-- table waiting. In each partition of a topic a key is parked by itself; for the log, whose number of partitions changes, partition is empty.
-- Only the owner of the partition's claim adds, changes and removes rows, in a transaction that begins with advance(). Anybody sets the
-- request of a row that has none.
create table __schema__.parked (
    subscription     text        not null collate "C",
    key              text        not null collate "C",
    is_stream        boolean     not null,
    partition        text        not null default '' collate "C",
    "offset"         bigint,
    slice            smallint    not null,
    category         text        not null collate "C",
    aggregate_id     text        not null collate "C",
    version          bigint      not null,
    position         bigint      not null,
    event_id         uuid        not null,
    event_type       text        not null,
    failure          text        not null,
    reason           text        not null,
    fingerprint      bigint      not null,
    attempts         integer     not null,
    parked_at        timestamptz not null default clock_timestamp(),
    tried_at         timestamptz not null default clock_timestamp(),
    requested        text        check (requested in ('redrive', 'discard')),
    requested_reason text,
    requested_at     timestamptz,
    primary key (subscription, key, is_stream, partition),

    constraint parked_of_topic check ((partition = '') = ("offset" is null))
);

comment on table __schema__.parked is 'The keys whose next event a subscription could not handle; their later events wait.';
comment on column __schema__.parked.key is 'The stream, or another key that the handler orders its events by.';
comment on column __schema__.parked.partition is 'The partition of a topic, as in checkpoints; empty for the log.';
comment on column __schema__.parked.version is 'Of the event in front, as are position, event_id and event_type.';
comment on column __schema__.parked.fingerprint is 'The same for failures of one cause: a hash of type and reason without values.';
comment on column __schema__.parked.requested is 'What somebody has asked the owner to do.';
