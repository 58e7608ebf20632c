-- The version of the server, as a number, and the encoding of the database.
select current_setting('server_version_num')::integer, current_setting('server_encoding')
