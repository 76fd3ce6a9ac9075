"""The file that tells what a domain's tools are."""

from pathlib import Path

import orjson
import pytest

from aivis.errors import Invalid
from aivis.modules import catalogue
from tests.unit.aivis.modules.shop import CATALOGUE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tools.json"
    path.write_bytes(catalogue.written(CATALOGUE.values()))
    return path


def test_what_was_written_is_read_back(file: Path) -> None:
    assert catalogue.read(file) == CATALOGUE


def test_the_order_of_the_declarations_changes_no_byte(file: Path) -> None:
    assert catalogue.written(reversed(list(CATALOGUE.values()))) == file.read_bytes()


def test_a_missing_file_is_told_of_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"tools\.json: cannot be read: No such file"):
        catalogue.read(tmp_path / "tools.json")


def test_a_file_that_is_no_json_is_told_of(file: Path) -> None:
    file.write_text("[{")
    with pytest.raises(Invalid, match=r"tools\.json: whole file: Invalid JSON"):
        catalogue.read(file)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"risk": "harmless"}, r"0\.risk: Input should be 'read'"), ({"danger": 1}, r"0\.danger: Unexpected keyword")],
)
def test_a_wrong_field_is_named_with_its_place(file: Path, change: dict[str, object], says: str) -> None:
    rows = orjson.loads(file.read_bytes())
    file.write_bytes(orjson.dumps([rows[0] | change, *rows[1:]]))
    with pytest.raises(Invalid, match=says):
        catalogue.read(file)


def test_a_tool_declared_twice_is_refused(file: Path) -> None:
    rows = orjson.loads(file.read_bytes())
    file.write_bytes(orjson.dumps([*rows, rows[0]]))
    with pytest.raises(Invalid, match="declared twice"):
        catalogue.read(file)
