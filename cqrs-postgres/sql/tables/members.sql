-- The processes at work on each subscription over the log. Only the process itself renews its row; anybody removes one that is not
-- alive.
create table __schema__.members (
    subscription text        not null collate "C",
    member       uuid        not null,
    number       bigint      generated always as identity,
    name         text        not null,
    joined_at    timestamptz not null,
    renewed_at   timestamptz not null,
    lease        interval    not null,
    primary key (subscription, member)
);

comment on table __schema__.members is 'The processes at work on each subscription over the log.';
comment on column __schema__.members.number is 'Rises from one member that joins to the next, whatever the clock does.';
comment on column __schema__.members.name is 'The process, as it calls itself.';
