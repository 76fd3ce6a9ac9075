from pathlib import Path

import pytest

from aivis.errors import Invalid
from aivis.migrations.numbered import read


def files(folder: Path, **sql: str) -> Path:
    for name, text in sql.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return folder


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    found = read(files(tmp_path, m0002_more="b", m0001_baseline="a"))

    assert [(each.number, each.sql, each.needs) for each in found] == [(1, "a", 0), (2, "b", 0)]


def test_the_tables_that_a_file_creates_are_known(tmp_path: Path) -> None:
    [found] = read(files(tmp_path, m0001_a="create table a (x int);\n-- create table no\nCREATE TABLE b (y int);\n"))

    assert found.creates == {"a", "b"}


@pytest.mark.parametrize(
    "names",
    [(), ("m0002_a",), ("m0001_a", "m0003_b"), ("m0001_a", "m0001_b")],
    ids=["none", "late", "gap", "twice"],
)
def test_numbers_run_from_one_without_a_gap(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(Invalid, match=r"give each the next number, from 0001 on"):
        read(files(tmp_path, **dict.fromkeys(names, "")))


@pytest.mark.parametrize("name", ["first", "1_first", "0001-first", "0001_First"])
def test_a_name_that_is_none_of_a_migration_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.sql").write_text("")
    with pytest.raises(Invalid, match=rf"{name}\.sql: no name of a migration: call it NNNN_"):
        read(tmp_path)


def test_what_a_contract_needs_is_in_its_header(tmp_path: Path) -> None:
    header = "-- contract: keys.label since 0002 (0.3 reads keys.status alone)\n"
    found = read(files(tmp_path, m0001_a="", m0002_b="", m0003_c=header + "alter table keys drop column label;\n"))

    assert [each.needs for each in found] == [0, 0, 2]


@pytest.mark.parametrize(
    "header",
    [
        "-- contract: keys.label",
        "-- contract: keys.label since 0001",
        "-- contract: since 0001 (done)",
        "-- contract: keys.label since 0002 (itself)",
        "-- contract: keys.label since 0000 (nothing)",
        "-- contract: keys.label since 0001 (done)\n-- contract: keys.error since 0001 (done)",
    ],
)
def test_a_contract_that_does_not_say_what_finished_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(Invalid, match=r"0002_b\.sql: say `-- contract: .* since NNNN \(WHAT FINISHED\)` once"):
        read(files(tmp_path, m0001_a="", m0002_b=header))
