-- Which of these names of tables, sequences, indexes, functions and triggers the schema has, whoever has made them.
select relname::text from pg_class
where relnamespace = to_regnamespace('__schema__') and relname = any ($1)
union
select proname::text from pg_proc where pronamespace = to_regnamespace('__schema__') and proname = any ($1)
union
select tgname::text from pg_trigger where tgrelid = to_regclass('__schema__.events') and tgname = any ($1)
order by 1
