-- The places of erased events: which event was at a position. A reader that stopped at one continues there, and still notices a log that
-- has lost commits: a lost event has no row here. Only erase_stream writes it.
create table __schema__.erased (
    position  bigint      not null primary key,
    event_id  uuid        not null,
    erased_at timestamptz not null default clock_timestamp()
);

comment on table __schema__.erased is 'The positions and ids of erased events. Readers that stopped at one continue there.';
