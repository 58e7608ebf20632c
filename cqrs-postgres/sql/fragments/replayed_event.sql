-- The columns of an event in a replay, in the order in which src/replay/buffer.rs reads them. Nearly all events have schema
-- version 1, which becomes null: a null needs no bytes.
version, event_id, event_type, nullif(schema_version, 1), payload
