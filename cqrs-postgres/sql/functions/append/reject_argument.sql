-- Rejects an argument of an append function. It returns a type only so that an expression can call it. The planner counts its cost
-- for each of the thousand rows that it expects: with the usual 100, PostgreSQL would compile every batch, which takes 30 ms.
create function __schema__.reject_argument(argument text) returns boolean language plpgsql stable cost 1 as $$
begin
    raise exception 'an append cannot store %', argument using errcode = 'CQ006', hint =
        'This version of cqrs-postgres never sends it: append through the store, and not by hand.';
end
$$;
