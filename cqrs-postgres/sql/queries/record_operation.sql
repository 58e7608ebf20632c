-- Records what a person changed by hand.
insert into __schema__.operations (verb, arguments, reason) values ($1, jsonb_object($2::text[], $3::text[]), $4)
