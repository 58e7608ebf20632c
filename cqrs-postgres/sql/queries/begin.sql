-- Begins a unit of work, always in READ COMMITTED, whatever the database's default is. Each execution is planned again:
-- a plan from the time when a view's table was small would be kept after it has grown. `set` takes no bound argument.
begin isolation level read committed;
set local idle_in_transaction_session_timeout = __idle_milliseconds__;
set local plan_cache_mode = force_custom_plan;
set local cqrs.unit_of_work = 'open'
