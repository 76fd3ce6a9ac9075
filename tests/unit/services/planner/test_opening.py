"""Opening: trained once, then loaded; trained anew when the domain changes."""

import shutil
from pathlib import Path

import pytest

from services.planner.opening import is_trained, open_planner
from tests.unit.services.planner.desk import FOLDER, LANGUAGE, request


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "desk"))


def test_a_classifier_is_trained_once_and_then_loaded(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert not is_trained(folder, cache, LANGUAGE)
    first = open_planner(folder, cache, LANGUAGE)
    assert is_trained(folder, cache, LANGUAGE)
    (kept,) = cache.iterdir()
    written = kept.stat().st_mtime_ns
    again = open_planner(folder, cache, LANGUAGE)
    assert kept.stat().st_mtime_ns == written
    asked = request("please renew B1234 in north")
    assert again.plan(asked) == first.plan(asked)


def test_a_changed_domain_is_trained_anew(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    open_planner(folder, cache, LANGUAGE)
    with (folder / "examples" / "all.jsonl").open("a") as examples:
        examples.write('{"text": "renew B7777 at once", "intent": "loan.renew"}\n')
    assert not is_trained(folder, cache, LANGUAGE)


def test_a_broken_file_in_the_cache_is_written_anew(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    open_planner(folder, cache, LANGUAGE)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    open_planner(folder, cache, LANGUAGE)
    assert is_trained(folder, cache, LANGUAGE)
