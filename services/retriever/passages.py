"""A document to passages: cut by its structure, each of a bounded size, with the headings above it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aivis import identity
from aivis.errors import Invalid
from services.retriever import hypertext, markdown
from services.retriever.blocks import Block, Kind, divide, joined
from services.retriever.ports import Document, Passage

LIMIT = 1_200
"""Characters of a passage at most: two screens of a chat, and little more than what the embedding reads of it."""
_LONGEST_HEADING = 300
"""Characters; what is longer is a paragraph over a line, not a heading."""
_CUTTING = "1"
"""Changes whenever this module cuts differently, so that every document is cut anew."""

_READERS = {"text/markdown": markdown.blocks, "text/plain": markdown.blocks, "text/html": hypertext.blocks}


def version(document: Document) -> str:
    """Digest of everything a passage is made of: the same digest, the same passages."""
    parts = (_CUTTING, document.title, document.text, document.source, document.media_type, document.language)
    return hashlib.sha256("\x1f".join(parts).encode(errors="replace")).hexdigest()


def cut(document: Document) -> list[Passage]:
    """The passages of `document`, in order; `Invalid` when its media type is none we read.

    A passage's id comes from its place and words, not from the version: an unchanged passage keeps its id.
    """
    read = _READERS.get(document.media_type.partition(";")[0].strip().lower())
    if read is None:
        raise Invalid(
            f"document {document.id!r}: media type {document.media_type!r} is not read;"
            f" publish it as one of {', '.join(sorted(_READERS))}"
        )
    _, body = markdown.front_matter(document.text)
    whole, seen = version(document), dict[str, int]()
    found = []
    for section, text in _passages(read(body), document.title):
        place = identity.derived("passage", document.id, section, text)
        seen[place] = seen.get(place, 0) + 1
        found.append(
            Passage(
                id=place if seen[place] == 1 else identity.derived(place, seen[place]),
                document_id=document.id,
                title=document.title,
                section=section,
                text=text,
                source=document.source,
                version=whole,
                language=document.language,
            )
        )
    return found


@dataclass(frozen=True)
class _Section:
    path: tuple[str, ...]
    level: int
    blocks: list[Block]


def _passages(blocks: Sequence[Block], title: str) -> Iterator[tuple[str, str]]:
    sections = list(_sections(blocks))
    for place, section in enumerate(sections):
        path = section.path[1:] if section.path[:1] == (title,) else section.path
        below = place + 1 < len(sections) and sections[place + 1].level > section.level
        # A heading with nothing under it is in no path: it stands as a passage of its own.
        bare = not section.blocks and not below and section.path
        body = [Block(Kind.PARAGRAPH, section.path[-1])] if bare else section.blocks
        for text in _packed([piece for block in body for piece in divide(block, LIMIT)]):
            yield " > ".join(path), text


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    section = _Section((), 0, [])
    for block in blocks:
        if block.kind is not Kind.HEADING or len(block.text) > _LONGEST_HEADING:
            section.blocks.append(replace(block, kind=Kind.PARAGRAPH) if block.kind is Kind.HEADING else block)
            continue
        yield section
        path = [above for above in path if above[0] < block.level]
        path.append((block.level, block.text))
        section = _Section(tuple(text for _, text in path), block.level, [])
    yield section


def _packed(blocks: Sequence[Block]) -> Iterator[str]:
    """Blocks joined as long as they stay within `LIMIT`. A line that leads to the next block goes with that block."""
    held: list[Block] = []
    for block in blocks:
        if held and len(joined([*held, block])) > LIMIT:
            leads = len(held) > 1 and held[-1].text.rstrip().endswith((":", "："))
            fits = leads and len(joined([held[-1], block])) <= LIMIT
            yield joined(held[:-1] if fits else held)
            held = held[-1:] if fits else []
        held.append(block)
    if held:
        yield joined(held)
