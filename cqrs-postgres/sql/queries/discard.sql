-- Records what a subscription passes over, and the operation.
select __schema__.discard($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
