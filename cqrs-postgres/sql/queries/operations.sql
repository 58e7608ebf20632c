-- What people changed by hand, the newest first.
select id, at, who, face, verb, arguments::text as arguments, reason, outcome
from __schema__.operations where id < $1 order by id desc limit $2
