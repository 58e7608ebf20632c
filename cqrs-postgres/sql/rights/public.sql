-- PostgreSQL lets everybody execute a new function. Ours are for the roles that were granted access only, since some of them
-- run with the owner's rights.
revoke execute on all functions in schema __schema__ from public;
