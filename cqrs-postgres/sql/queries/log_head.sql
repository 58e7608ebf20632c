-- How far the log can be read, and how far positions were drawn.
select mark, drawn from __schema__.log_head()
