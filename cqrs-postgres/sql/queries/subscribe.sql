-- Makes a subscription over the log known.
select __schema__.subscribe($1, $2)
