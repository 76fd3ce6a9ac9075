-- Keys are leased, and events published, with the tenants in turn.
create index if not exists inbox_of_tenant on inbox (tenant, seq) where state = 0;
create index if not exists outbox_of_tenant on outbox (tenant, id) where sent_at is null;
