-- The migrations that were installed.
select version, description, checksum from __schema__.migrations where success order by version
