"""Markdown to blocks: what the structure needs, and no more.

Inline markup goes (a link's address, emphasis, escapes, heading attributes); every word stays. Code stays as it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.retriever.blocks import Block, Kind

_FENCE = re.compile(r"^(?:\s*(?:[-*+]|\d+[.)])\s+)?\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})\s*$")
_RULE = re.compile(r"^ {0,3}([-*_])(\s*\1){2,}\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+\S")
_ROW = re.compile(r"^\s*\|")
_ATTRIBUTES = re.compile(r"\s*\{[#.][^{}]*\}\s*$|\s*\{ \.[^{}]*\}\s*$")
_CONTENTS = re.compile(r"^\s*[-*+]\s+\[(.+)\]\(#[^)]*\)\s*$")
_LINK = re.compile(r"!?\[((?:[^\[\]\\]|\\.)*)\]\((?:[^()]|\([^()]*\))*\)")
_TAG = re.compile(r"</?(?:a|b|br|div|em|i|img|p|ph|small|span|strong|sub|sup|u)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~<>$&:\"'/])")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_SPAN = re.compile(r"(`[^`\n]+`)")
_FRONT = re.compile(r"\A\s*---\n([A-Za-z_][\w -]*:(?:\s.*?)?)\n---\s*(?:\n|\Z)", re.DOTALL)


def front_matter(text: str) -> tuple[str, str]:
    """The YAML table between two `---` lines at the top (empty when there is none), and the rest."""
    found = _FRONT.match(text)
    return (found.group(1), text[found.end() :]) if found else ("", text)


def blocks(text: str) -> list[Block]:
    """The blocks of a markdown text, in order. A table of contents is left out: it only repeats headings."""
    reader = _Reader(_without_contents(text.expandtabs(4)))
    return [block for block in reader.blocks() if block.text.strip()]


def plain(text: str) -> str:
    """`text` without inline markup; code spans as they are."""
    return "".join(part if place % 2 else _plain(part) for place, part in enumerate(_SPAN.split(text)))


def _plain(text: str) -> str:
    for _ in range(2):  # an image inside a link
        text = _LINK.sub(r"\1", text)
    return _ESCAPE.sub(r"\1", _STRONG.sub(r"\1", _TAG.sub(" ", text)))


def _without_contents(text: str) -> list[str]:
    lines = text.split("\n")
    headings = {_heading(found.group(2) or "") for line in lines if (found := _HEADING.match(line))}
    return [line for line in lines if not ((entry := _CONTENTS.match(line)) and plain(entry.group(1)) in headings)]


def _heading(text: str) -> str:
    return plain(_ATTRIBUTES.sub("", text)).strip()


@dataclass
class _Reader:
    """Reads lines one by one; `held` are those of the block being read."""

    lines: list[str]
    held: list[str] = field(default_factory=list)
    kind: Kind = Kind.PARAGRAPH

    def blocks(self) -> Iterator[Block]:
        place = 0
        while place < len(self.lines):
            line = self.lines[place]
            if fence := _FENCE.match(line):
                yield from self._flush()
                end = self._end_of_code(place + 1, fence.group(1))
                yield self._code(place, end, fence.group(1))
                place = end
            else:
                yield from self._line(line)
            place += 1
        yield from self._flush()

    def _end_of_code(self, place: int, fence: str) -> int:
        """The line that closes the fence, or the last one."""
        closing = re.compile(rf"^\s*{fence[0]}{{{len(fence)},}}\s*$")
        closers = (at for at in range(place, len(self.lines)) if closing.match(self.lines[at]))
        return next(closers, len(self.lines))

    def _code(self, start: int, end: int, fence: str) -> Block:
        opening = self.lines[start]
        indent = len(opening) - len(opening.lstrip())
        body = [line[indent:] if not line[:indent].strip() else line for line in self.lines[start + 1 : end]]
        return Block(Kind.CODE, "\n".join([opening.strip(), *body, fence]))

    def _line(self, line: str) -> Iterator[Block]:
        if heading := _HEADING.match(line):
            yield from self._flush()
            yield Block(Kind.HEADING, _heading(heading.group(2) or ""), len(heading.group(1)))
        elif (under := _UNDERLINE.match(line)) and self.held and self.kind is Kind.PARAGRAPH:
            text = " ".join(self.held)
            self.held = []
            yield Block(Kind.HEADING, _heading(text), 1 if under.group(1)[0] == "=" else 2)
        elif not line.strip() or _RULE.match(line):
            yield from self._flush()
        elif _ITEM.match(line):
            yield from self._flush()
            self._hold(Kind.ITEM, line)
        elif _ROW.match(line):
            if self.kind is not Kind.TABLE:
                yield from self._flush()
            self._hold(Kind.TABLE, line)
        else:
            self.held.append(line)

    def _hold(self, kind: Kind, line: str) -> None:
        self.kind = kind
        self.held.append(line)

    def _flush(self) -> Iterator[Block]:
        if self.held:
            lines = [line.strip() if self.kind is Kind.TABLE else line.rstrip() for line in self.held]
            text = plain("\n".join(lines))
            yield Block(self.kind, text if self.kind is Kind.ITEM else text.strip())
        self.held, self.kind = [], Kind.PARAGRAPH
