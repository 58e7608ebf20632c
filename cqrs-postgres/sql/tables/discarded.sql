-- The events that subscriptions passed over on request, each with the reason. Rows are only added.
create table __schema__.discarded (
    id           bigint      generated always as identity primary key,
    subscription text        not null collate "C",
    category     text        not null collate "C",
    aggregate_id text        not null collate "C",
    version      bigint      not null,
    position     bigint      not null,
    event_id     uuid        not null,
    reason       text        not null check (reason <> ''),
    discarded_at timestamptz not null default clock_timestamp()
);

comment on table __schema__.discarded is 'The events that subscriptions passed over on request, each with the reason.';
