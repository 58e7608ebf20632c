-- Whether positions are drawn one at a time and rising, and no event lies beyond the last one drawn.
select seqcache = 1 and seqincrement = 1 and seqmin = 0 and not seqcycle
   and coalesce(pg_sequence_last_value(seqrelid), -1) >= coalesce((select max(position) from __schema__.events), 0)
from pg_sequence where seqrelid = '__schema__.position'::regclass
