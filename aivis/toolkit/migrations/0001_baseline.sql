create table calls (
  tenant text not null, key text not null, tool text not null, digest text not null, state text not null,
  started_at real not null, note blob, result blob not null default x'', primary key (tenant, key)
) without rowid;
