-- PostgreSQL lets every role execute a new function. Only roles that were granted access may execute ours, because some of them
-- run with the owner's rights.
do $$
declare
    own regprocedure;
begin
    for own in select * from __schema__.own_functions() loop
        execute format('revoke execute on function %s from public', own);
    end loop;
end
$$;
