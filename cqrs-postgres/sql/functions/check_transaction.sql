-- Rejects any isolation level but READ COMMITTED, and makes the commit wait for the disk.
-- Versions are read after the guard is held, which is right only if every statement has a snapshot of its own. And a commit
-- that is not on disk could be read and then vanish in a crash, and another event could get its position.
-- The return value is unused: it lets callers write an assignment, which costs less than `perform`.
create function __schema__.check_transaction() returns boolean language plpgsql volatile as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the event store needs READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation')) using errcode = 'CQ001';
    end if;
    return case when current_setting('synchronous_commit') in ('on', 'remote_apply') then true
                else set_config('synchronous_commit', 'on', true) = 'on' end;
end
$$;
