-- A saved state of a stream, to shorten its replay. May be emptied at any time.
create table __schema__.snapshots (
    category     text        not null collate "C",
    aggregate_id text        not null collate "C",
    version      bigint      not null check (version > 0),
    last_event   uuid        not null,
    fingerprint  bigint      not null,
    checksum     bigint      not null,
    payload      json        not null,
    taken_at     timestamptz not null default clock_timestamp(),
    primary key (category, aggregate_id)
);

comment on table __schema__.snapshots is 'A state of each stream, to shorten its replay. May be emptied at any time.';
