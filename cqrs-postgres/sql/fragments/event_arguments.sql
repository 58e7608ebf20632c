-- The events of an append function, column by column. A shorter column is filled up with nulls.
event_ids uuid[], event_types text[], schema_versions integer[], payloads text[],
correlation_ids text[], causation_ids uuid[], traceparents text[], headers text[]
