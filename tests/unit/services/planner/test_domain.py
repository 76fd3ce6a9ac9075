"""A domain's files: read whole, or refused with file and field."""

import shutil
from pathlib import Path

import pytest

from aivis.errors import Invalid
from services.planner.domain import read_domain
from tests.unit.services.planner.desk import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "desk"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_domain_is_its_three_kinds_of_files(folder: Path) -> None:
    domain = read_domain(folder)
    assert set(domain.routing.intents) >= {"loan.renew", "find.missing"}
    assert domain.resources == {"book"}
    assert len(domain.examples) == 60


def test_its_version_changes_with_any_of_them(folder: Path) -> None:
    before = read_domain(folder).version
    change(folder / "concepts.yaml", "prolong", "lengthen")
    assert read_domain(folder).version != before


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("routing.yaml", "agent: knowledge", "agent: wizard", "routing.yaml: field intents.ask.hours.agent"),
        ("routing.yaml", "agent: knowledge", "agnt: knowledge", "field intents.ask.hours"),
        ("routing.yaml", "covers: [find.missing]", "covers: [find.msising]", "'find.msising' is no intent here"),
        ("routing.yaml", "symptoms: [not_on_shelf]", "symptoms: [away]", "'away' is no symptom here"),
        ("routing.yaml", "unknown: elsewhere", "unknown: nowhere", "'nowhere' is no intent here"),
        ("routing.yaml", "max_subtasks: 3", "max_subtasks: [3", "routing.yaml: not YAML"),
        ("routing.yaml", "\\b(?P<value>{number})\\b", "(?P<value>", "entities.0.patterns.0"),
        ("concepts.yaml", "hours: [open, opening hours, closed on]", "hours: open", "concepts.yaml: hours"),
        ("examples/all.jsonl", '"intent": "loan.copy"', '"intent": "loan.copie"', "all.jsonl:21: intent: 'loan.copie'"),
        ("examples/all.jsonl", '{"text": "hello"', '{"txt": "hello"', "text: an example has one"),
        ("examples/all.jsonl", '{"text": "hello"', '{"text": "hello', "not JSON"),
    ],
)
def test_a_fault_is_named_with_its_file_and_field(folder: Path, file: str, old: str, new: str, says: str) -> None:
    change(folder / file, old, new)
    with pytest.raises(Invalid) as raised:
        read_domain(folder)
    assert says in str(raised.value)


def test_an_intent_without_examples_is_named(folder: Path) -> None:
    lines = (folder / "examples" / "all.jsonl").read_text().splitlines()
    (folder / "examples" / "all.jsonl").write_text("\n".join(line for line in lines if "fees.waive" not in line))
    with pytest.raises(Invalid, match=r"no examples of fees\.waive"):
        read_domain(folder)


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"routing\.yaml: cannot be read"):
        read_domain(tmp_path)
