-- Begins a unit of work, always in READ COMMITTED, whatever the database's default is. Plans are made for each statement: a plan that
-- was made while a view's table was small would be kept when it has grown. `set` cannot bind the number.
begin isolation level read committed;
set local idle_in_transaction_session_timeout = __idle_milliseconds__;
set local plan_cache_mode = force_custom_plan
