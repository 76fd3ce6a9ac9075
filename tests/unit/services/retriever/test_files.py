"""Documents from files."""

from pathlib import Path

import pytest

from aivis.errors import Invalid
from services.retriever.files import document_of, documents_in


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_readable_file_of_a_folder_is_a_document_in_order_of_path(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.html", "a.txt", "picture.png", ".hidden.md"):
        written(tmp_path, name, "Text.")
    assert [document.id for document in documents_in(tmp_path, prefix="p/")] == ["p/a/c.html", "p/a.txt", "p/b.md"]


def test_front_matter_names_title_language_and_source(tmp_path: Path) -> None:
    path = written(tmp_path, "x.md", "---\ntitle: T\nlanguage: zh\nsource: https://e.example/x\n---\n# Other\n\nText.")
    document = document_of(path, id="x")
    assert (document.title, document.language, document.source) == ("T", "zh", "https://e.example/x")


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "Intro.\n\n# The **title** {#x}\n\nText.", "The title"),
        ("a.html", "<title>The\n title</title><p>Text</p>", "The title"),
        ("how-to_stop.md", "No heading.", "how to stop"),
    ],
)
def test_without_front_matter_the_title_is_the_first_heading_or_the_name(
    tmp_path: Path, name: str, text: str, title: str
) -> None:
    assert document_of(written(tmp_path, name, text), id="x").title == title


@pytest.mark.parametrize("matter", ["title: [", "title: T\n- a"])
def test_bad_front_matter_is_refused_with_the_file_named(tmp_path: Path, matter: str) -> None:
    path = written(tmp_path, "bad.md", f"---\n{matter}\n---\nText.")
    with pytest.raises(Invalid, match=r"bad\.md: front matter"):
        document_of(path, id="x")


def test_text_between_two_rules_is_no_front_matter(tmp_path: Path) -> None:
    document = document_of(written(tmp_path, "x.md", "---\n# The title\n---\nText."), id="x")
    assert document.title == "The title"


def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(b"# T\n\nbefore \xff\xfe after")
    with pytest.raises(Invalid, match=r"x\.md: not UTF-8 at byte 12: save it as UTF-8"):
        document_of(path, id="x")
