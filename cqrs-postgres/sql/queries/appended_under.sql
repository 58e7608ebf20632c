-- What was appended under a key, once no append under it is in flight.
select fingerprint, categories, aggregate_ids, before, versions, positions
from __schema__.appended_under($1, make_interval(secs => $2))
