-- Event number n as the last columns of event_columns.sql. By subscript: PL/pgSQL keeps arrays expanded, while unnest would copy
-- each into a table of its own, which costs more than the insert of a small batch.
event_ids[n], event_types[n], coalesce(schema_versions[n], 1), payloads[n]::json,
correlation_ids[n], causation_ids[n], traceparents[n], headers[n]::jsonb
