-- The ranges of slices of so many partitions, and their names. A number that does not divide the slices may make fewer.
create function __schema__.log_partitions(partitions integer)
returns table (partition text, from_slice integer, to_slice integer) language sql immutable as $$
    select format('log slices %s..%s', f, t), f, t
    from (
        select least(1024, i * size) as f, least(1024, (i + 1) * size) as t
        from generate_series(0, partitions - 1) as i, (select (1024 + partitions - 1) / partitions as size) as of_each
    ) as ranges
    where f < t
$$;
