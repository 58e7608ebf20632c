-- Which process of the server has this session.
select pg_backend_pid()
