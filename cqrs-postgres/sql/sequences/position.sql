-- The positions of the log. Drawn one at a time and rising; a transaction that rolls back leaves a hole.
-- The position 0 is drawn here and never used, so that the sequence has a last value from the beginning: one that lies
-- strictly below every position still to be drawn. The append fence needs it.
create sequence __schema__.position as bigint minvalue 0 start 0 increment 1 cache 1 no cycle;

select pg_catalog.nextval('__schema__.position');
