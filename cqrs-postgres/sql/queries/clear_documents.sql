-- Removes every document of a view.
delete from __view__
