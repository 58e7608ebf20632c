-- How a short append function takes the fence. Unlike take_fence() it does not remember the key: its caller has no transaction
-- of its own, so it appends once.
fence := pg_sequence_last_value('__schema__.position'::regclass);
if fence is null or not pg_try_advisory_xact_lock_shared((__schema__.fence_tag() << 48) | fence) then
    fence := __schema__.take_fence(); -- or it raises
end if;
