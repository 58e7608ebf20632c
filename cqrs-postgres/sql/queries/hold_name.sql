-- Holds a name for this session, or says who does.
select held, pid, process, address, since from __schema__.hold_name($1, $2)
