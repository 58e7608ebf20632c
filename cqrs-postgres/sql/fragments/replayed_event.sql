-- The columns of an event in a replay, in the order in which src/replay/past.rs reads them. Schema version 1, which nearly all
-- events have, is a null: a null is not sent.
version, event_id, event_type, nullif(schema_version, 1), payload
