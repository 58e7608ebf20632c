-- Creates the table of a view's documents, unless it is there.
select __schema__.prepare_view($1)
