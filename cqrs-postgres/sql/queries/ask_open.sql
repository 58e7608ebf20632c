-- Whether the session is still in the unit of work that it began. PostgreSQL rejects this, like any statement, in a transaction that
-- has failed. After a `commit` or `rollback` that the user's own SQL has sent, what `begin` has set is gone.
select coalesce(current_setting('cqrs.unit_of_work', true), '') = 'open'
