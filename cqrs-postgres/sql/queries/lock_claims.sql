-- Keeps others from claiming a partition of a subscription until this transaction ends. A reset would not see one that is claimed for
-- the first time meanwhile, and would remove what its first batch has committed.
select pg_advisory_xact_lock(lock.high, lock.low) from __schema__.name_lock('claims', $1) as lock
