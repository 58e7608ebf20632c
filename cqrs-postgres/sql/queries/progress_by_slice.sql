-- How far a subscription over the log has read each slice.
select slice, "offset", event_id from __schema__.progress_by_slice($1) order by slice
