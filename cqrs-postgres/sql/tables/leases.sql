-- Which member works on which partition of the log. They are apart from the checkpoints, whose rows are locked during a batch. A relay
-- has one lease, for the whole log.
create table __schema__.leases (
    kind         text        not null check (kind in ('subscription', 'relay')),
    name         text        not null collate "C",
    partition    text        not null collate "C",
    from_slice   smallint    not null,
    to_slice     smallint    not null,
    member       uuid,
    since        timestamptz not null default clock_timestamp(),
    state        text        not null default 'ready' check (state in ('ready', 'stopped')),
    reason       text,
    last_member  bigint,
    primary key (kind, name, partition)
);

comment on table __schema__.leases is 'Which member works on which partition of the log, and which one has a relay.';
comment on column __schema__.leases.name is 'The name of the subscription or relay.';
comment on column __schema__.leases.member is 'The member that works on it, while it is alive; null: nobody.';
comment on column __schema__.leases.since is 'Since when the member has the partition, or since when nobody has.';
comment on column __schema__.leases.state is 'stopped: a failure has ended its runner, and only a member that joined later tries it.';
comment on column __schema__.leases.last_member is 'The number of the last member that had joined when it was stopped.';
