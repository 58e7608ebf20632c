-- The subscriptions over the log. The rows of a subscription in `checkpoints` that have slices are its layout: they hold each slice
-- once.
create table __schema__.subscriptions (
    subscription text        not null primary key collate "C",
    layout       bigint      not null,
    changed_at   timestamptz not null default clock_timestamp()
);

comment on table __schema__.subscriptions is 'The subscriptions over the log.';
comment on column __schema__.subscriptions.layout is 'How often the number of partitions was set.';
