-- Turns the verdict on each stream into the verdict on its append. A busy key decides first, then a known key, then busy streams,
-- then conflicts.
-- The verdicts: 'a' appended, 'c' conflict, 'b' the stream is busy, 'k' the key is busy, 'r' repeats what was appended under the
-- same key, 'u' the key was used for something else, 's' skipped because of another stream of the same append.
create function __schema__.combine_verdicts(
    may_wait boolean, retention interval, stream_appends integer[], verdicts "char"[],
    key_appends integer[], keys text[], fingerprints bigint[]
) returns "char"[] language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    locked boolean[];
begin
    if not may_wait then
        locked := array(select pg_try_advisory_xact_lock(__schema__.key_guard(k)) from unnest(keys) as k);
    end if;
    -- A statement of its own: the keys are read after their guards are held.
    return array(
        select case
            when bool_or(k.locked is false) over of_append then 'k'::"char"
            when bool_or(i.fingerprint <> k.fingerprint) over of_append then 'u'
            when bool_or(i.key is not null) over of_append then 'r'
            -- A stream that is busy or in conflict says so; the other streams of its append are skipped.
            when verdict = 'b' then 'b'
            when bool_or(verdict = 'b') over of_append then 's'
            when verdict = 'c' then 'c'
            when bool_or(verdict = 'c') over of_append then 's'
            else 'a'
        end
        from unnest(stream_appends, verdicts) with ordinality as stream (append, verdict, n)
        left join unnest(key_appends, keys, fingerprints, locked) as k (append, key, fingerprint, locked) using (append)
        left join __schema__.idempotency i on i.key = k.key and i.recorded_at > clock_timestamp() - retention
        window of_append as (partition by append)
        order by n
    );
end
$$;
