from pathlib import Path

import pytest

from aivis.errors import Refused
from aivis.migrations.comparing import Place, Recorded, next_missing
from aivis.migrations.numbered import Migration

PLACE = Place("the file x.db", "delete x.db")
FIRST = Migration(1, Path("m/0001_baseline.sql"), "create table a (x int);", 0)
SECOND = Migration(2, Path("m/0002_more.sql"), "create table b (x int);", 0)
KNOWN = (FIRST, SECOND)


def had(migration: Migration, *, needs: int = 0) -> Recorded:
    return Recorded(migration.number, migration.file.name, migration.sha256, needs)


def later(number: int, *, needs: int = 0) -> Recorded:
    return Recorded(number, f"{number:04}_later.sql", "ab" * 32, needs)


def test_an_empty_database_lacks_the_first() -> None:
    assert next_missing(KNOWN, [], [], PLACE) is FIRST


def test_what_was_had_is_not_run_again() -> None:
    assert next_missing(KNOWN, [had(FIRST)], ["a"], PLACE) is SECOND
    assert next_missing(KNOWN, [had(SECOND), had(FIRST)], ["a", "b"], PLACE) is None


def test_a_database_ahead_of_the_code_is_used_as_it_is() -> None:
    assert next_missing(KNOWN, [had(FIRST), had(SECOND), later(3), later(4)], [], PLACE) is None


def test_tables_of_other_stores_beside_are_no_matter() -> None:
    assert next_missing(KNOWN, [], ["another"], PLACE) is FIRST


def test_a_table_that_no_record_tells_of_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match=r"the file x\.db has the table a, and no record that 0001_baseline\.sql .*"
                       r"if you can do without what is in it, delete x\.db"):  # fmt: skip
        next_missing(KNOWN, [], ["a"], PLACE)
    with pytest.raises(Refused, match=r"has the table b, and no record that 0002_more\.sql"):
        next_missing(KNOWN, [had(FIRST)], ["a", "b"], PLACE)


def test_a_file_that_was_changed_is_refused_by_name_with_what_to_do() -> None:
    record = had(FIRST)._replace(sha256="cd" * 32)
    with pytest.raises(Refused, match=r"the file x\.db has had another 0001_baseline\.sql than m/0001_baseline\.sql"
                       r" \(sha256 cdcdcdcdcdcd.*put the file back as it was"):  # fmt: skip
        next_missing(KNOWN, [record, had(SECOND)], [], PLACE)


def test_records_with_a_gap_are_refused() -> None:
    with pytest.raises(Refused, match=r"has had 0002_more\.sql, and no migration 0001"):
        next_missing(KNOWN, [had(SECOND)], [], PLACE)
    with pytest.raises(Refused, match=r"has had 0004_later\.sql, and no migration 0003"):
        next_missing(KNOWN, [had(FIRST), had(SECOND), later(4)], [], PLACE)


def test_a_database_narrowed_for_newer_code_is_refused_and_one_narrowed_for_this_code_is_used() -> None:
    assert next_missing(KNOWN, [had(FIRST), had(SECOND), later(3, needs=2)], [], PLACE) is None
    with pytest.raises(Refused, match=r"has had 0004_later\.sql, .* knows them up to 0002: start a version that knows"
                       r" 0003"):  # fmt: skip
        next_missing(KNOWN, [had(FIRST), had(SECOND), later(3), later(4, needs=3)], [], PLACE)
