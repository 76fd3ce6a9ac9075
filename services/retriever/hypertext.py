"""HTML to blocks."""

import re
from html.parser import HTMLParser

from services.retriever.blocks import Block, Kind

_SILENT = frozenset({"script", "style", "template", "noscript", "svg"})
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
    " header hr html legend main nav ol p section summary ul".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def blocks(text: str) -> list[Block]:
    """The blocks of an HTML text, in order; scripts and styles are not text. Broken markup gives what can be read."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.end_block()
    return [block for block in reader.found if block.text.strip()]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Block] = []
        self._words: list[str] = []
        self._rows: list[list[str]] | None = None
        self._silent = 0
        self._lists: list[int | None] = []
        self._kind = Kind.PARAGRAPH
        self._level = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._words.append("\n")
        elif tag == "img":
            self._words.append(dict(attrs).get("alt") or "")
        elif tag in ("td", "th") and self._rows:
            self._end_cell()
        elif tag == "tr" and self._rows is not None:
            self._end_cell()
            self._rows.append([])
        elif self._rows is None:
            self._start_block(tag)

    def _start_block(self, tag: str) -> None:
        if tag in _BLOCKS or tag in _HEADINGS or tag in ("li", "pre", "table"):
            self.end_block()
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "table":
            self._rows = []
        elif tag in _HEADINGS:
            self._kind, self._level = Kind.HEADING, _HEADINGS[tag]
        elif tag == "li":
            self._kind = Kind.ITEM
            if self._lists and (number := self._lists[-1]) is not None:
                self._lists[-1] = number + 1
        elif tag == "pre":
            self._kind = Kind.CODE

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "table" and self._rows is not None:
            self._end_table()
        elif self._rows is None and (tag in _BLOCKS or tag in _HEADINGS or tag in ("li", "pre")):
            self.end_block()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data if self._kind is Kind.CODE else data.replace("\n", " "))

    def end_block(self) -> None:
        """Whatever was read since the last block becomes one."""
        if self._rows is not None:
            self._end_table()
        text = "".join(self._words)
        if self._kind is Kind.CODE:
            text = "```\n" + text.strip("\n") + "\n```" if text.strip() else ""
        else:
            text = _spaced(text)
        if text and self._kind is Kind.ITEM:
            text = self._marker() + text
        if text:
            self.found.append(Block(self._kind, text, self._level))
        self._words, self._kind, self._level = [], Kind.PARAGRAPH, 0

    def _marker(self) -> str:
        number = self._lists[-1] if self._lists else None
        return "    " * (len(self._lists) - 1) + ("-   " if number is None else f"{number}.  ")

    def _end_cell(self) -> None:
        """Text since the last cell belongs to that cell; text before the first one to a row of its own."""
        text = _spaced("".join(self._words)).replace("\n", " ")
        self._words = []
        if text and self._rows is not None:
            self._rows = self._rows or [[]]
            self._rows[-1].append(text)

    def _end_table(self) -> None:
        self._end_cell()
        rows = ["|" + "|".join(row) + "|" for row in self._rows or [] if row]
        self._rows = None
        if rows:
            self.found.append(Block(Kind.TABLE, "\n".join(rows)))


def _spaced(text: str) -> str:
    lines = (re.sub(r"[ \t\r\f\v\u00a0]+", " ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
