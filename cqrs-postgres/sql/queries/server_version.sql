-- The version of the server, as a number.
select current_setting('server_version_num')::integer
