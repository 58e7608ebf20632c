-- Whether a span of time has passed since a moment. Of a moment that lies further ahead than the span it has: the clock went back.
create function __schema__.has_passed(span interval, since timestamptz, now timestamptz) returns boolean
language sql immutable as $$
    select since + span < now or now + span < since
$$;
