-- Removes every document of a view.
select __schema__.clear_view($1)
