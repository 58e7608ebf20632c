-- The functions of the store. Rights are changed on these only: a schema may hold functions of somebody else.
create function __schema__.own_functions() returns setof regprocedure language sql stable as $$
    select p.oid::regprocedure from pg_proc p join pg_class events on events.oid = '__schema__.events'::regclass
    where p.pronamespace = events.relnamespace and p.proowner = events.relowner
      and p.proname in (
          'advance', 'append', 'append_each', 'append_event', 'append_to_one', 'appended_under', 'check_transaction',
          'checked_version', 'claim', 'claim_slices', 'clear_view', 'combine_verdicts', 'discard', 'erase_stream',
          'event_id_at', 'fence_holders', 'fence_tag', 'forget_keys', 'grant_access', 'has_passed', 'heartbeat', 'hold_relay',
          'holds_documents', 'import_events', 'is_alive', 'is_expected', 'keeps_slice', 'key_guard', 'last_event', 'leave', 'leave_relay',
          'log_head', 'log_identity', 'log_partitions', 'name_lock', 'own_functions', 'park', 'prepare_view',
          'progress_by_slice', 'read_streams', 'record_operation', 'reject_argument', 'reject_change', 'release_lease',
          'renew_log_id', 'repartition', 'stream_guard', 'subscribe', 'take_fence'
      )
$$;
