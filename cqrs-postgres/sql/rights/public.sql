-- PostgreSQL lets every role execute a new function. Only roles that were granted access may execute ours, because some of them
-- run with the owner's rights.
revoke execute on all functions in schema __schema__ from public;
