-- One row for each event: s is the number of its stream, i its number in that stream, n its number in the call.
from generate_subscripts(categories, 1) as s, generate_series(1, event_counts[s]) as i,
     lateral (select events_before[s] + i) as event (n)
