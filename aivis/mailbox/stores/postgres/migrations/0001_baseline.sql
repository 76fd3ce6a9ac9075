create table inbox (
  seq bigint generated always as identity primary key,
  tenant text not null,
  name text not null,
  event_id text not null,
  topic text not null,
  headers bytea not null,
  value bytea not null,
  digest bytea not null generated always as (sha256(value)) stored,
  received_at timestamptz not null default now(),
  state smallint not null default 0,   -- 0 pending, 1 done, 2 dead
  version bigint,                      -- the key's version that did it: its outputs carry the same
  unique (tenant, event_id)
) with (fillfactor = 80);
create index inbox_pending on inbox (tenant, name, seq) where state = 0;
create index inbox_done on inbox (received_at) where state = 1;

create table keys (
  tenant text not null,
  name text not null,
  epoch bigint not null default 0,
  lease_until timestamptz not null default '-infinity',
  not_before timestamptz not null default '-infinity',
  version bigint not null default 0,
  state bytea,
  label text not null default '',
  attempts integer not null default 0,
  failing_since timestamptz,           -- the first of these attempts failed then; null: none did
  error text not null default '',
  updated_at timestamptz not null default now(),
  primary key (tenant, name)
) with (fillfactor = 70);
create index keys_label on keys (label, updated_at);

create table outbox (
  id bigint generated always as identity primary key,
  tenant text not null,
  name text not null,
  version bigint not null,
  event_id text not null,
  topic text not null,
  key text not null,
  headers bytea not null,
  value bytea not null,
  claimed_until timestamptz not null default '-infinity',
  sent_at timestamptz
) with (fillfactor = 80);
create index outbox_unsent on outbox (id) where sent_at is null;
create index outbox_unsent_key on outbox (key, id) where sent_at is null;
create index outbox_step on outbox (tenant, name, version);
create index outbox_sent on outbox (sent_at) where sent_at is not null;

create table timers (
  tenant text not null,
  name text not null,
  timer text not null,
  due timestamptz not null,
  event_id text not null,
  headers bytea not null,
  value bytea not null,
  primary key (tenant, name, timer)
);
create index timers_due on timers (due);

create table log (
  tenant text not null,
  name text not null,
  sequence bigint not null,
  event_id text not null,
  headers bytea not null,
  value bytea not null,
  primary key (tenant, name, sequence)
);

create table holds (
  tenant text not null,
  hold text not null,
  holder text not null,
  primary key (tenant, hold)
);

create table windows (
  tenant text not null,
  id text not null,
  hold text not null,
  begins timestamptz not null,
  ends timestamptz not null,
  reason text not null,
  primary key (tenant, id)
);

create table letters (
  id bigint generated always as identity primary key,
  tenant text not null,
  name text not null,
  event_id text not null,
  topic text not null,
  headers bytea not null,
  value bytea not null,
  reason text not null,
  at timestamptz not null default now()
);

-- A transaction names the tenants it works for ('*': the mailbox's own plumbing, which serves all). Without a name it sees nothing.
do $$
declare t text;
begin
  foreach t in array array['inbox', 'keys', 'outbox', 'timers', 'log', 'holds', 'windows', 'letters'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format($p$create policy tenants on %I using (
      current_setting('aivis.tenants', true) = '*'
      or tenant = any (string_to_array(current_setting('aivis.tenants', true), ','))
      or tenant = '*')$p$, t);
  end loop;
end $$;
