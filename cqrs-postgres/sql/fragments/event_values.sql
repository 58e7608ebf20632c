-- Event number n, for the last columns of event_columns.sql. Subscripts are cheap, because PL/pgSQL keeps arrays expanded; unnest
-- would copy each array into a table, which costs more than inserting a small batch.
event_ids[n], event_types[n],
case when schema_versions[n] < 1
     then __schema__.reject_argument(format('schema version %s of event %s', schema_versions[n], event_ids[n]))::integer
     else coalesce(schema_versions[n], 1) end,
payloads[n]::json,
correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
