-- How far each subscription has read each partition. The epoch fences: every claim raises it, and a write under an older one
-- is rejected.
create table __schema__.checkpoints (
    subscription text        not null collate "C",
    partition    text        not null collate "C",
    epoch        bigint      not null,
    "offset"     bigint,
    event_id     uuid,
    from_slice   smallint,
    to_slice     smallint,
    ahead        jsonb,
    reads        jsonb,
    requested    text        check (requested = 'pause'),
    updated_at   timestamptz not null default clock_timestamp(),
    primary key (subscription, partition)
);

comment on table __schema__.checkpoints is 'How far each subscription has read each partition.';
comment on column __schema__.checkpoints.epoch is 'The fence: every claim raises it, and a write under an older one is rejected.';
comment on column __schema__.checkpoints.from_slice is 'The first slice of a partition of the log; null for a topic.';
comment on column __schema__.checkpoints.to_slice is 'The slice after the last one of a partition of the log; null for a topic.';
comment on column __schema__.checkpoints.ahead is 'The ranges of its slices that were read further, before the number of partitions changed: from, to, offset and event_id of each.';
comment on column __schema__.checkpoints.reads is 'The categories and event types that the subscription reads of the partition, and the kind of its role.';
comment on column __schema__.checkpoints.requested is 'pause: its runner waits, by request of an operator.';
comment on column __schema__.checkpoints.updated_at is 'When the checkpoint was last moved; a claim does not move it.';
comment on column __schema__.checkpoints."offset" is 'The position of the last event read (log), or the offset of the next record (topic).';
