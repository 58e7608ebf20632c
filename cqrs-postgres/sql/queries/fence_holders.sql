-- The transactions that hold readers back, with their age in seconds.
select position, pid, prepared, extract(epoch from clock_timestamp() - since)::float8, state, application_name, query
from __schema__.fence_holders()
