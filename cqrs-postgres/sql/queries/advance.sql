-- Moves a checkpoint under the epoch of the claim.
select __schema__.advance($1, $2, $3, $4, $5)
