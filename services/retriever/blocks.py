"""A document as a flat list of blocks, whatever it was written in, and how blocks too large are divided."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

_SENTENCE_END = re.compile(r"(?<=[.!?;]\s)|(?<=[。！？；])")


class Kind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    """One item of a list, with its marker and its indentation."""
    TABLE = "table"
    """Whole, one row a line; the first row is the header."""
    CODE = "code"
    """With its fences."""


@dataclass(frozen=True)
class Block:
    kind: Kind
    text: str
    level: int = 0
    """Of a heading, from 1."""


def divide(block: Block, limit: int) -> list[Block]:
    """`block` in pieces of at most `limit` characters, cut where its kind allows it: rows, lines, sentences, words.

    A table's header and a code's fences are repeated in every piece; nothing else is added, and nothing is lost.
    """
    if len(block.text) <= limit:
        return [block]
    if block.kind is Kind.TABLE:
        head, rows = _header(block.text.splitlines(keepends=True), limit)
        texts = [head + rows for rows in _joined(rows, limit - len(head))]
    elif block.kind is Kind.CODE:
        lines = block.text.splitlines(keepends=True)
        opening, closing = lines[0][:40].rstrip("\n") + "\n", "\n" + lines[-1][:40]
        texts = [opening + body + closing for body in _joined(lines[1:-1], limit - len(opening) - len(closing))]
    else:
        texts = _joined(_SENTENCE_END.split(block.text), limit)
    return [replace(block, text=text) for text in texts]


def _header(lines: list[str], limit: int) -> tuple[str, list[str]]:
    """Header lines to repeat, and rows. A header that would fill a third of every piece is a row like the others."""
    size = 2 if len(lines) > 1 and not lines[1].strip("|:- \n") else 1
    head = "".join(lines[:size])
    return (head, lines[size:]) if len(head) < limit // 3 else ("", lines)


def _joined(parts: list[str], limit: int) -> list[str]:
    """`parts` joined as long as they stay within `limit`; one too long alone is cut, at a space if there is one."""
    found = [""]
    for part in (piece for whole in parts for piece in _pieces(whole, limit)):
        if len(found[-1]) + len(part) > limit:
            found.append("")
        found[-1] += part
    return [text.strip("\n") for text in found if text.strip()]


def _pieces(text: str, limit: int) -> Iterator[str]:
    while len(text) > limit:
        cut = text.rfind(" ", limit // 2, limit) + 1 or limit
        yield text[:cut]
        text = text[cut:]
    yield text


def joined(blocks: list[Block]) -> str:
    """The blocks' text: items of one list on lines of their own, an empty line between all else."""
    groups = groupby(enumerate(blocks), key=lambda each: each[1].kind if each[1].kind is Kind.ITEM else each[0])
    return "\n\n".join("\n".join(block.text for _, block in group) for _, group in groups)
