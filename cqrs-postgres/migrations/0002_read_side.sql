-- Where subscriptions stand, what they have received, and the documents of views.

create table __schema__.checkpoints (
    subscription text        not null collate "C",
    partition    text        not null collate "C",
    epoch        bigint      not null,
    "offset"     bigint,
    event_id     uuid,
    updated_at   timestamptz not null default clock_timestamp(),
    primary key (subscription, partition)
);

comment on column __schema__.checkpoints.epoch is 'The fence: raised by every claim, and no write under an older one is accepted.';
comment on column __schema__.checkpoints."offset" is 'The position of the last event read (log), or the offset of the next record (topic).';

create table __schema__.inbox (
    subscription text   not null collate "C",
    partition    text   not null collate "C",
    lane         text   not null collate "C",
    position     bigint not null,
    primary key (subscription, partition, lane)
);

comment on table __schema__.inbox is 'The highest position received of each publisher: at or below it is a repeat.';

-- Takes a partition over. A former owner who sits on the row can hold this up for two seconds; then the caller tries again.
create function __schema__.claim(
    of_subscription text, of_partition text, out epoch bigint, out "offset" bigint, out event_id uuid
) language plpgsql volatile set lock_timeout = '2s' as $$
#variable_conflict use_column
begin
    perform __schema__.check_transaction();
    insert into __schema__.checkpoints as c (subscription, partition, epoch)
    values (of_subscription, of_partition, 1)
    on conflict (subscription, partition) do update set epoch = c.epoch + 1, updated_at = clock_timestamp()
    returning c.epoch, c."offset", c.event_id into claim.epoch, claim."offset", claim.event_id;
end
$$;

-- Moves a checkpoint under the epoch of the claim. False: claimed by another since.
create function __schema__.advance(
    of_subscription text, of_partition text, under bigint, to_offset bigint, to_event_id uuid
) returns boolean language plpgsql volatile as $$
begin
    perform __schema__.check_transaction();
    update __schema__.checkpoints
    set "offset" = to_offset, event_id = to_event_id, updated_at = clock_timestamp()
    where subscription = of_subscription and partition = of_partition and epoch = under;
    return found;
end
$$;

-- Creates the table of a view's documents. `create table if not exists` alone fails when two try at once.
create function __schema__.prepare_view(view text) returns void language plpgsql volatile as $$
begin
    if to_regclass(format('__schema__.%I', 'view_' || view)) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(__schema__.guard_key('view', view));
    execute format(
        'create table if not exists __schema__.%I (
             key        text        primary key collate "C",
             version    bigint      not null,
             body       jsonb       not null,
             updated_at timestamptz not null default clock_timestamp()
         )', 'view_' || view);
end
$$;
