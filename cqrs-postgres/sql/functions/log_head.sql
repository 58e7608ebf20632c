-- How far the log can be read (mark), how far positions were drawn (drawn), and the event at a position (follows).
-- Every event at or before the mark is visible to a statement that begins after this one has ended. The order of the two
-- statements is the proof: first the sequence, then the fences that are held.
create function __schema__.log_head(
    at bigint default 0, out mark bigint, out drawn bigint, out follows uuid
) language plpgsql volatile as $$
declare
    fence bigint;
begin
    if pg_is_in_recovery() then
        raise exception 'the log can be followed on the primary only: a standby does not show the fences'
            using errcode = 'CQ002';
    end if;
    drawn := pg_sequence_last_value('__schema__.position'::regclass);
    if drawn is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into fence
    from pg_locks
    where locktype = 'advisory' and objsubid = 1
      and classid::bigint >> 16 = __schema__.fence_tag()
      and database = (select oid from pg_database where datname = current_database());
    mark := least(drawn, fence);
    follows := __schema__.event_id_at(at);
end
$$;
