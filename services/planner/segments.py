"""Segments: a text cut into sentences, and these into clauses that may each want something of their own."""

import re
from dataclasses import dataclass
from enum import Enum

MAX_CHARACTERS = 16_000
"""Of a longer text the first and the last half of that are read: the wish at its head, the news at its end."""
_MAX_CLAUSES = 8
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|no|nr|vs|mr|mrs|dr|st|inc|ltd|etc|resp)|\b[A-Z])\.$", re.IGNORECASE
)
_END = re.compile(r"[。;]|[!?]+(?=[^\w=&/]|[\u3400-\u9fff]|$)|\.+(?=\s|$|[\u3400-\u9fff])", re.ASCII)
_BULLET = re.compile(r"^\s*(?:[-*•+]\s+|\(?\d{1,2}[.)、]\s*(?!\d)|\(?[a-z][.)]\s+|[一二三四五六七八九十][、.]\s*)")
_NEW_LINE = re.compile(r"\s*(?:[-*•+]\s|\(?\d{1,2}[.)、]|\(?[a-z][.)]\s|[A-Z\u3400-\u9fff])")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_QUOTED = re.compile(r"^\s*(?:>|--+\s*\w|\$ |# |\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[\d|at \S+\(|Traceback |Caused by:)")
_SEQUEL = re.compile(r"\b(?:then|after that|afterwards|after which|once (?:that|this) is done|when done|finally|next)\b"
                     r"|然后|之后|接着|最后|再(?!次)", re.IGNORECASE)  # fmt: skip
_CLAUSE = re.compile(
    r"(?:,|-|--|–)?\s+(?:and(?:\s+(?:also|then))?|but(?:\s+also)?|also|then|plus|additionally|furthermore|moreover"
    r"|besides|afterwards|as well as|after that)\s+|,\s+|\s+(?:-|--|–)\s+|,(?=[\u3400-\u9fff])"
    r"|(?:,\s*)?(?:另外|还有|同时|并且|然后|而且|此外|以及|顺便)\s*,?",
    re.IGNORECASE,
)


class Voice(Enum):
    """Who speaks in a segment."""

    CUSTOMER = "customer"
    QUOTED = "quoted"
    """A log, a command's output, an earlier mail: it shows what happened, and asks for nothing."""


@dataclass(frozen=True)
class Clause:
    """A part of a sentence, by its place in characters."""

    start: int
    end: int
    sequel: bool = False
    """To come after what was said before it: "..., then restart it"."""


@dataclass(frozen=True)
class Sentence:
    text: str
    voice: Voice = Voice.CUSTOMER
    clauses: tuple[Clause, ...] = ()
    """At least two, when the sentence has more than one."""

    @property
    def sequel(self) -> bool:
        return bool(_SEQUEL.match(self.text.strip()))


def sentences(text: str) -> list[Sentence]:
    """The sentences of `text` (normalised), in order. Lines, bullets and blank lines end one, wrapped lines do not."""
    found: list[Sentence] = []
    for block, voice in _blocks(_shortened(text)):
        pieces = [block] if voice is Voice.QUOTED else _cut(block)
        found += [Sentence(piece, voice, clauses(piece)) for piece in pieces if _says_something(piece)]
    return found


def clauses(sentence: str) -> tuple[Clause, ...]:
    """The clauses of `sentence` where conjunctions and commas part them; none when there is but one."""
    cuts = [(0, 0), *(link.span() for link in _CLAUSE.finditer(sentence))][:_MAX_CLAUSES]
    ends = [start for start, _ in cuts[1:]] + [len(sentence)]
    found: list[Clause] = []
    sequel = False
    for (link_start, start), end in zip(cuts, ends, strict=True):
        piece = sentence[start:end]
        sequel = sequel or bool(_SEQUEL.search(sentence[link_start:start]) or _SEQUEL.match(piece.strip()))
        if _says_something(piece):
            found.append(Clause(start, end, sequel))
            sequel = False
    return tuple(found) if len(found) > 1 else ()


def _shortened(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n\n{text[-half:]}"


def _blocks(text: str) -> list[tuple[str, Voice]]:
    """Lines joined to paragraphs, where a line goes on the one before it."""
    found: list[tuple[str, Voice]] = []
    fenced = goes_on = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced, goes_on = not fenced, False
            continue
        quoted = fenced or bool(_QUOTED.match(line))
        voice = Voice.QUOTED if quoted else Voice.CUSTOMER
        wrapped = goes_on and voice is Voice.CUSTOMER and not _NEW_LINE.match(line)
        if wrapped and line.strip():
            found[-1] = (f"{found[-1][0]} {line.strip()}", voice)
        elif line.strip():
            found.append((_BULLET.sub("", line).strip(), voice))
        goes_on = bool(line.strip()) and not quoted
    return found


def _cut(block: str) -> list[str]:
    pieces: list[str] = []
    place = 0
    for end in _END.finditer(block):
        piece = block[place : end.end()]
        if _ABBREVIATION.search(piece):
            continue
        pieces.append(piece.strip())
        place = end.end()
    return [*pieces, block[place:].strip()]


def _says_something(piece: str) -> bool:
    return any(character.isalnum() for character in piece)
