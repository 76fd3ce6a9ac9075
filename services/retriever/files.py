"""Documents from files: the pages of a domain, or a folder to ingest."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from aivis import plain_yaml
from aivis.errors import Invalid
from services.retriever import markdown
from services.retriever.ports import Document

MEDIA_TYPES = {".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain", ".html": "text/html",
               ".htm": "text/html"}  # fmt: skip
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*(?:\{[^{}]*\})?\s*$", re.MULTILINE)
_HTML_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class _Front:
    title: str
    language: str
    source: str


def documents_in(folder: Path, *, prefix: str, language: str = "en") -> Iterator[Document]:
    """The documents of every readable file under `folder`, in order of path; ids are `prefix` and the relative path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in MEDIA_TYPES and not path.name.startswith("."):
            yield document_of(path, id=f"{prefix}{path.relative_to(folder).as_posix()}", language=language)


def document_of(path: Path, *, id: str, language: str = "en") -> Document:
    """The document in a file. Title, language and source may stand in its front matter; `Invalid` names a bad one."""
    if path.suffix.lower() not in MEDIA_TYPES:
        raise Invalid(f"{path}: give a folder, or a file that ends in {', '.join(MEDIA_TYPES)}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from error
    front = _front(text, path)
    return Document(
        id=id,
        title=front.title or _title(text) or path.stem.replace("-", " ").replace("_", " "),
        text=text,
        source=front.source or id,
        media_type=MEDIA_TYPES[path.suffix.lower()],
        language=front.language or language,
    )


def _front(text: str, path: Path) -> _Front:
    matter, _ = markdown.front_matter(text)
    try:
        found = plain_yaml.load(matter) if matter else {}
    except yaml.YAMLError as error:
        raise Invalid(f"{path}: front matter is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{path}: front matter is no table of title, language and source: {str(found)[:80]!r}")
    return _Front(*(str(found.get(name) or "") for name in ("title", "language", "source")))


def _title(text: str) -> str:
    heading = _FIRST_HEADING.search(text) or _HTML_TITLE.search(text)
    return " ".join(markdown.plain(heading.group(1)).split()) if heading else ""
