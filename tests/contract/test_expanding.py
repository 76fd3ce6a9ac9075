"""Every migration leaves what the previous version needs; and the rules that say so refuse what they should."""

import re
from pathlib import Path

import pytest

from aivis.migrations.numbered import Migration, read
from tests.contract import history
from tests.contract.expanding import faults

FOLDERS = sorted({file.parent for top in ("aivis", "services", "domains") for file in
                  (history.ROOT / top).glob("**/migrations/**/*.sql")})  # fmt: skip
ALL = [migration for folder in FOLDERS for migration in read(folder)]
CONTRACT = "-- contract: keys.label since 0001 (no version reads it since 0.3)\n"

HARMLESS = """
create table bills (id bigint primary key, tenant text not null, at timestamptz not null, unique (tenant, at));
alter table bills enable row level security;
alter table bills add constraint positive check (id > 0);
create policy tenants on bills using (tenant = current_setting('aivis.tenants', true));
create unique index bills_at on bills (at);
create index keys_error on keys (error);
alter table keys add column paid boolean;
alter table keys add column cost bigint not null default 0; -- drop it later
update keys set paid = 'rename; drop table keys' = error;
"""
HARMFUL = {
    "drop table keys": "drops",
    "ALTER TABLE keys\n  DROP COLUMN label": "drops",
    "drop index keys_label": "drops",
    "alter table keys alter column label drop not null": "drops",
    "alter table keys rename to names": "renames",
    "alter table keys rename column label to status": "renames",
    "delete from keys": "takes rows away",
    "truncate keys": "takes rows away",
    "alter table keys add column paid boolean not null": "leaves empty",
    "alter table keys alter column label set not null": "forbids null",
    "alter table keys alter column attempts type bigint": "changes a type",
    "alter table keys alter column attempts set data type bigint": "changes a type",
    "alter table keys add constraint tries check (attempts < 9)": "refuses rows",
    "alter table keys add column paid text unique": "refuses rows",
    "alter table only keys add foreign key (name) references names (name)": "refuses rows",
    "create unique index one_label on keys (label)": "refuses rows",
    "create policy tenants on keys using (false)": "hides rows",
    "alter table keys force row level security": "hides rows",
    "create trigger told after insert on keys begin select 1; end": "acts on what",
    "do $$ begin perform 1; end $$": "hides in a do block",
}


def migration(sql: str, needs: int = 0) -> Migration:
    return Migration(2, Path("0002_x.sql"), sql, needs)


def test_the_stores_migrations_are_found() -> None:
    names = {str(folder.relative_to(history.ROOT)) for folder in FOLDERS}
    assert names >= {
        "aivis/toolkit/migrations",
        "services/retriever/stores/migrations",
        "aivis/mailbox/stores/sqlite/migrations",
        "aivis/mailbox/stores/postgres/migrations",
        "services/escalation/stores/migrations/sqlite",
        "services/escalation/stores/migrations/postgres",
    }


def test_no_migration_takes_away_what_the_previous_version_needs() -> None:
    assert [fault for each in ALL if each.number > 1 for fault in faults(each)] == []


def test_what_only_adds_is_let_through() -> None:
    assert faults(migration(HARMLESS)) == []


@pytest.mark.parametrize("sql", HARMFUL)
def test_what_the_previous_version_may_trip_over_is_found(sql: str) -> None:
    assert any(HARMFUL[sql] in fault for fault in faults(migration(f"create table other (x int);\n{sql};\n")))


def test_what_all_versions_have_finished_with_may_go() -> None:
    assert faults(migration(CONTRACT + "alter table keys drop column label;\n", needs=1)) == []


def test_code_names_the_columns_it_reads_and_writes_so_that_a_later_version_may_add_some() -> None:
    unnamed = re.compile(
        r"insert\s+into\s+\w+\s+(values|select)|insert\s+or\s+replace|returning\s+\*|select\s+\*\s+from\s+(?!unnest)",
        re.IGNORECASE,
    )
    for top in ("aivis", "services"):
        for file in (history.ROOT / top).rglob("*.py"):
            assert not (found := unnamed.search(file.read_text(encoding="utf-8"))), f"{file}: {found[0]!r}"


def test_no_migration_of_an_earlier_version_was_edited_or_taken_away() -> None:
    for commit in history.versions():
        for folder in ("aivis", "services", "domains"):
            for path, before in history.files(commit, folder, ".sql").items():
                if "/migrations/" in path:
                    now = history.ROOT / path
                    assert now.exists(), f"{path} of {commit} is gone: databases have had it"
                    assert now.read_bytes() == before, f"{path} is not as in {commit}: databases have had it as it was"
