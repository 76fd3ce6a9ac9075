-- How far a bus was read and written, and that the schema was put back to an older point. Of no tenant.
create table positions (
  topic text not null,
  place integer not null,              -- the partition
  position bigint not null,
  primary key (topic, place)
) with (fillfactor = 50);

create table restorations (
  id text primary key,
  since timestamptz not null,
  at timestamptz not null default now(),
  whole boolean                        -- null: the bus has not been read again
);
