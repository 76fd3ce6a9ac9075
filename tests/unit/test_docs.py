"""What the docs point at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_PATH = re.compile(r"`((?:aivis|services|domains|docs|deploy|tests|proto|benchmarks|learning)/[\w./-]*\w/?)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in _LINK.findall(text) if not (page.parent / link).exists()]
    paths = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    assert links + paths == []


def test_there_are_links_and_paths_to_follow() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(_LINK.findall(text)) > 20
    assert len(_PATH.findall(text)) > 20
