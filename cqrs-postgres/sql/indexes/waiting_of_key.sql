-- A redrive reads the records of one key, in order.
create index waiting_of_key on __schema__.waiting (subscription, partition, key, is_stream, id);
