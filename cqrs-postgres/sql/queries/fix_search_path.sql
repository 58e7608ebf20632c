-- Lets a session that installs or checks a store find only PostgreSQL's own functions and operators.
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)
