-- What people changed by hand. Rows are only added, and only by the function record_operation: in the transaction of the change; or, if the
-- change is elsewhere, one before it and one with its outcome after it.
create table __schema__.operations (
    id        bigint      generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    who       text        not null default session_user,
    face      text        not null default coalesce(nullif(current_setting('application_name'), ''), 'unknown'),
    verb      text        not null,
    arguments jsonb       not null default '{}',
    reason    text        constraint operations_reason check (btrim(reason) <> ''),
    outcome   text,
    took      interval
);

comment on table __schema__.operations is 'What people changed by hand: who, with which program, what, and why.';
comment on column __schema__.operations.who is 'The user of the session.';
comment on column __schema__.operations.face is 'The program, by the application name that the session has chosen.';
comment on column __schema__.operations.outcome is 'How a change outside the database ended; null in the row before it.';
