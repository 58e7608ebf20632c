-- The highest position that each subscription has received from each lane. A record at or below it is a repeat.
create table __schema__.inbox (
    subscription text   not null collate "C",
    partition    text   not null collate "C",
    lane         text   not null collate "C",
    position     bigint not null,
    primary key (subscription, partition, lane)
);

comment on table __schema__.inbox is 'The highest position received from each lane: at or below it is a repeat.';
