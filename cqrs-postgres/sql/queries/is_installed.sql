-- Whether the store is installed.
select to_regclass('__schema__.events') is not null
