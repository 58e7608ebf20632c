-- How a short append function begins (see append_event.sql): it fixes the search path and checks the transaction.
-- Until the path is fixed, every name is qualified, operators too: the caller's path may lead to foreign functions.
if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
end if;
if current_setting('transaction_isolation') <> 'read committed'
   or current_setting('synchronous_commit') not in ('on', 'remote_apply') then
    checked := __schema__.check_transaction(); -- or it raises
end if;
