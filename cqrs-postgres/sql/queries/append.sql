-- Makes appends, each with its own verdict.
select verdicts, before, positions
from __schema__.append($1, $2, make_interval(secs => $3), $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                       $19, $20, $21, $22)
