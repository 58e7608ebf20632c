-- A member says that it is alive, and learns which partitions it has.
select members, from_slices, to_slices, give_back
from __schema__.heartbeat('subscription', $1, $2, $3, make_interval(secs => $4), make_interval(secs => $5), $6)
