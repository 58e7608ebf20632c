-- Whether the schema has a ledger of migrations.
select to_regclass('__schema__.migrations') is not null
