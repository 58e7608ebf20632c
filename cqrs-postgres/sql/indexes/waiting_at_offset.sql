-- A record that waits already is not kept a second time.
create index waiting_at_offset on __schema__.waiting (subscription, partition, "offset");
