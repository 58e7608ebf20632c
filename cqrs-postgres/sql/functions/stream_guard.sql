-- The advisory lock key that guards a stream: a tag of 16 bits, which no fence has, and a hash of 48 bits.
create function __schema__.stream_guard(category text, aggregate_id text) returns bigint language sql stable as $$
    select ((__schema__.fence_tag() + 32767) << 48)
         | (hashtextextended(category || '/' || aggregate_id, 0) & 281474976710655)
$$;
