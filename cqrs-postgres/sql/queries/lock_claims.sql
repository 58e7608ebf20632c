-- Stops new claims of a subscription until this transaction ends. Otherwise a reset would miss a partition that is claimed for the
-- first time meanwhile, and would remove documents of its first batch.
select pg_advisory_xact_lock(lock.high, lock.low) from __schema__.name_lock('claims', $1) as lock
