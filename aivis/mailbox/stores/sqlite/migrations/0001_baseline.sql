create table inbox (
  seq integer primary key autoincrement,
  tenant text not null,
  name text not null,
  event_id text not null,
  topic text not null,
  headers blob not null,
  value blob not null,
  digest blob not null,
  received_at real not null,
  state integer not null default 0,   -- 0 pending, 1 done, 2 dead
  version integer,                    -- the key's version that did it: its outputs carry the same
  unique (tenant, event_id)
);
create index inbox_pending on inbox (tenant, name, seq) where state = 0;
create index inbox_waiting on inbox (seq) where state = 0;

create table keys (
  tenant text not null,
  name text not null,
  epoch integer not null default 0,
  lease_until real not null default 0,
  not_before real not null default 0,
  version integer not null default 0,
  state blob,
  label text not null default '',
  attempts integer not null default 0,
  failing_since real,                 -- the first of these attempts failed then; null: none did
  error text not null default '',
  updated_at real not null,
  primary key (tenant, name)
) without rowid;
create index keys_label on keys (label, updated_at);

create table outbox (
  id integer primary key autoincrement,
  tenant text not null,
  name text not null,
  version integer not null,
  event_id text not null,
  topic text not null,
  key text not null,
  headers blob not null,
  value blob not null,
  sent_at real
);
create index outbox_unsent on outbox (id) where sent_at is null;
create index outbox_step on outbox (tenant, name, version);

create table timers (
  tenant text not null,
  name text not null,
  timer text not null,
  due real not null,
  event_id text not null,
  headers blob not null,
  value blob not null,
  primary key (tenant, name, timer)
) without rowid;
create index timers_due on timers (due);

create table log (
  tenant text not null,
  name text not null,
  sequence integer not null,
  event_id text not null,
  headers blob not null,
  value blob not null,
  primary key (tenant, name, sequence)
) without rowid;

create table holds (
  tenant text not null,
  hold text not null,
  holder text not null,
  primary key (tenant, hold)
) without rowid;

create table windows (
  tenant text not null,
  id text not null,
  hold text not null,
  begins real not null,
  ends real not null,
  reason text not null,
  primary key (tenant, id)
) without rowid;

create table letters (
  id integer primary key autoincrement,
  tenant text not null,
  name text not null,
  event_id text not null,
  topic text not null,
  headers blob not null,
  value blob not null,
  reason text not null,
  at real not null
);
