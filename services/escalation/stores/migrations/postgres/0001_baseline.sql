create table case_figures (
  tenant text not null,
  name text not null,               -- the case
  version bigint not null,          -- of the case's mailbox key
  updated_at double precision not null,   -- seconds since 1970, like the next
  opened_at double precision not null,
  scenario text not null,
  outcome text not null,
  independent integer not null,
  escalated integer not null,
  reopened integer not null,
  proposals integer not null,
  adopted integer not null,
  effects integer not null,
  effects_right integer not null,
  calls integer not null,
  calls_right integer not null,
  first_response double precision,  -- seconds
  resolution double precision,
  primary key (tenant, name)
);
create index case_figures_updated on case_figures (updated_at);

-- A transaction names the tenants it works for ('*': all of them). Without a name it sees nothing.
alter table case_figures enable row level security;
alter table case_figures force row level security;
create policy tenants on case_figures using (
  current_setting('aivis.tenants', true) = '*'
  or tenant = any (string_to_array(current_setting('aivis.tenants', true), ','))
);
