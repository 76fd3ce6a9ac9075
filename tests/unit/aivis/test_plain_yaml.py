"""The smallest inputs of which PyYAML lets other errors out than its own."""

from pathlib import Path

import pytest
import yaml

from aivis import plain_yaml
from aivis.errors import Invalid
from aivis.modules import marks
from services.planner import domain
from services.retriever import files

NONE = ["a: 2026-13-45", "a: !!timestamp x", "a: !!bool x", "a: !!int x", "[" * 5_000]


@pytest.mark.parametrize("text", NONE, ids=["date", "timestamp", "bool", "int", "deep"])
def test_what_is_no_value_of_its_kind_is_no_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        plain_yaml.load(text)


@pytest.mark.parametrize("text", NONE, ids=["date", "timestamp", "bool", "int", "deep"])
def test_a_module_that_is_no_yaml_is_a_problem_and_no_error(text: str) -> None:
    marked, problems = marks.read("fault: x\n" + text, "x.yaml")
    assert marked is None
    assert [problem.file for problem in problems] == ["x.yaml"]


def test_a_domain_says_which_file_is_no_yaml() -> None:
    with pytest.raises(Invalid, match=r"routing\.yaml: not YAML"):
        domain._routing(Path("routing.yaml"), NONE[0].encode())


@pytest.mark.parametrize("matter", ["title: 2026-13-45", "a: b\n---- x"], ids=["date", "no-yaml"])
def test_a_document_says_what_is_wrong_with_its_front_matter(tmp_path: Path, matter: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"---\n{matter}\n---\n# Head\n", encoding="utf-8")
    with pytest.raises(Invalid, match="front matter"):
        files.document_of(path, id="d")
