-- The processes at work on each subscription over the log and on each relay. Only the process itself renews its row; anybody removes
-- one that is not alive.
create table __schema__.members (
    kind         text        not null check (kind in ('subscription', 'relay')),
    name         text        not null collate "C",
    member       uuid        not null,
    number       bigint      generated always as identity,
    process      text        not null,
    joined_at    timestamptz not null,
    renewed_at   timestamptz not null,
    lease        interval    not null,
    primary key (kind, name, member)
);

comment on table __schema__.members is 'The processes at work on each subscription over the log and on each relay.';
comment on column __schema__.members.name is 'The name of the subscription or relay.';
comment on column __schema__.members.number is 'Rises from one member that joins to the next, whatever the clock does.';
comment on column __schema__.members.process is 'The process, as it calls itself.';
