-- Gives a relay back, and ends the member.
select __schema__.leave_relay($1, $2)
