-- How far a bus was read and written, and that the file was put back to an older point.
create table positions (
  topic text not null,
  place integer not null,              -- the partition
  position integer not null,
  primary key (topic, place)
) without rowid;

create table restorations (
  id text primary key,
  since real not null,
  at real not null,
  whole integer                        -- null: the bus has not been read again
) without rowid;
