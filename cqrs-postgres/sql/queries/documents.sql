-- A page of a view's documents, in key order: those of a range of keys. Both bounds are always there, so that the index finds the
-- first document and the scan ends at the last one, also with a generic plan.
select key, version, body::text from __view__
where key >= $1 and ($2 or key <> $1) and key < $3
order by key limit $4
