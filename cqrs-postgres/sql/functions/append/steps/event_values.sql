-- Event number n, for the last columns of event_columns.sql. Subscripts are cheap, because PL/pgSQL keeps arrays expanded; unnest
-- would copy each array into a table, which costs more than inserting a small batch.
event_ids[n], event_types[n], coalesce(schema_versions[n], 1), payloads[n]::json,
correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
