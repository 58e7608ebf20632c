-- Moves a checkpoint under the epoch of the claim, from one place to another.
select __schema__.advance($1, $2, $3, $4, $5, $6, $7)
