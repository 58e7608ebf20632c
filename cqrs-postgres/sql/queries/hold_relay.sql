-- A member of a relay says that it is alive, and learns who has the relay.
select held, owner from __schema__.hold_relay($1, $2, $3, make_interval(secs => $4))
