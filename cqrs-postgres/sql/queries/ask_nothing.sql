-- Asks for nothing. PostgreSQL rejects even this in a transaction that has failed and can only roll back.
select
