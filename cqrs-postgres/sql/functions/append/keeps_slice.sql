-- Whether a stream stays in its slice: that of its last event, or for its first event any of the 1,024. It raises otherwise,
-- because a reader of some slices would miss the event or read it out of order. To compute the slice from the name costs as much as
-- the append (decision 27). Its cost: see reject_argument.sql.
create function __schema__.keeps_slice(given smallint, last_slice smallint, category text, aggregate_id text) returns boolean
language sql stable cost 1 as $$
    select case when given between 0 and 1023 and given = coalesce(last_slice, given) then true
                else __schema__.reject_argument(format('slice %s of stream %s/%s', given, category, aggregate_id)) end
$$;
