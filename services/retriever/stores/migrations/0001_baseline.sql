create table documents (
  tenant text, document text, version text not null, primary key (tenant, document)
) without rowid;
create table passages (
  tenant text, id text, document text not null, place integer not null, title text not null, section text not null,
  text text not null, source text not null, version text not null, language text not null, digest text not null,
  vector blob, primary key (tenant, id)
) without rowid;
create index passages_of on passages (tenant, document, place);
create table meta (name text primary key, value text not null) without rowid;
