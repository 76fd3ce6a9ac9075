"""Reading the files of evaluations."""

import gzip
from pathlib import Path

import pytest

from aivis.errors import Invalid
from learning.evaluation.files import rows
from learning.evaluation.retrieval import asked, corpus


def test_plain_and_gzipped_lines_are_read_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_text('{"id": "1"}\n\n{"id": "2"}\n')
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(rows(plain, needs=("id",))) == list(rows(packed, needs=("id",))) == [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("line", "says"),
    [("{", "not JSON"), ("[]", "lacks id, text"), ('{"id": 1}', "lacks text"), ("3", "lacks id, text")],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"id": "1", "text": "x"}\n' + line)
    with pytest.raises(Invalid, match=rf"bad\.jsonl:2: {says}"):
        list(rows(path, needs=("id", "text")))


def test_a_missing_file_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nowhere\.jsonl: cannot be read"):
        list(rows(tmp_path / "nowhere.jsonl", needs=()))


def test_a_question_about_a_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": "q1", "question": "?", "relevant": ["gone"]}')
    with pytest.raises(Invalid, match=r"question q1.*gone"):
        asked(path, {"here"})


def test_a_document_without_a_language_gets_it_from_its_text(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "1", "text": "安全组控制流量"}\n{"id": "2", "text": "A page", "language": "de"}\n')
    assert [document.language for document in corpus(path)] == ["zh", "de"]


@pytest.mark.parametrize(
    "cut", [b"", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", b"not gzip"], ids=["empty", "head", "no-gzip"]
)
def test_a_gzipped_file_that_is_cut_short_is_named(tmp_path: Path, cut: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(cut or gzip.compress(b'{"id": "1"}\n')[:-5])
    with pytest.raises(Invalid, match="cannot be read"):
        list(rows(path, needs=("id",)))
