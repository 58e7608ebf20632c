-- Records what a person changed by hand, and how it ended if it has.
select __schema__.record_operation($1, jsonb_object($2::text[], $3::text[]), $4, $5)
