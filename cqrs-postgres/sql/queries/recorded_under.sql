-- What was appended under a key that is known to be recorded. Waits for nobody.
select fingerprint, categories, aggregate_ids, before, versions, positions
from __schema__.idempotency where key = $1
