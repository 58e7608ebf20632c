-- Finds the idempotency keys that are older than the retention.
create index idempotency_recorded_at on __schema__.idempotency (recorded_at);
