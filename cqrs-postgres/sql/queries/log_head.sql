-- How far the log can be read, how far positions were drawn, and the event at a position.
select mark, drawn, follows from __schema__.log_head($1)
