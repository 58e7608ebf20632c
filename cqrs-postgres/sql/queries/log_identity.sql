-- Which log the connection leads to.
select started, file from __schema__.log_identity()
