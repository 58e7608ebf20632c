-- Shows other sessions which process this is.
select set_config('application_name', $1 || ' (' || current_setting('application_name') || ')', false)
