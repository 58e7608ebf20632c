-- Adds events of another store.
select added, wrong, head, other
from __schema__.import_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
