-- What people changed by hand, one row each, written in the transaction of the change. Rows are only added.
create table __schema__.operations (
    id        bigint      generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    who       text        not null default session_user,
    face      text        not null default coalesce(nullif(current_setting('application_name'), ''), 'unknown'),
    verb      text        not null,
    arguments jsonb       not null default '{}',
    reason    text,
    outcome   text,
    took      interval
);

comment on table __schema__.operations is 'What people changed by hand: who, with which program, what, and why.';
comment on column __schema__.operations.who is 'The user of the session.';
comment on column __schema__.operations.face is 'The program, by the application name of the session.';
