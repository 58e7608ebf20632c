-- Lets the rest of the session find PostgreSQL's own functions and operators only. It installs, and checks what is installed.
select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)
