-- Takes the append fence: until this transaction ends, readers see a shared lock whose key lies below every position that the
-- transaction draws from now on. Returns that key.
-- The first key of a transaction is remembered in a setting, which a savepoint rolls back exactly as it does the lock. Any
-- session can set it, so it is not trusted: it can only lower the key, and one below 0 is rejected, because readers would not see
-- the fence.
create function __schema__.take_fence() returns bigint language plpgsql volatile as $$
declare
    remembered bigint := nullif(current_setting('cqrs.fence___schema_name__', true), '')::bigint;
    fence bigint := least(remembered, pg_sequence_last_value('__schema__.position'::regclass));
begin
    if fence is null then
        raise exception 'the sequence of positions has no last value: it was restarted or set back'
            using errcode = 'CQ003';
    end if;
    if remembered < 0 then
        raise exception 'the setting cqrs.fence___schema_name__ is %, but positions begin at 0', remembered
            using errcode = 'CQ005';
    end if;
    if set_config('cqrs.fence___schema_name__', fence::text, true) is not null then
        -- Only an attacker takes this lock exclusively: then this waits.
        if not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
            perform pg_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence);
        end if;
    end if;
    return fence;
end
$$;
