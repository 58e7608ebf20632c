-- Where the log is, and its ids.
select place, afters, ids from __schema__.log_identity()
