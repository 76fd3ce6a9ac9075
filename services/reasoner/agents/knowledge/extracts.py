"""The part of a passage that answers: a slice of its text, word for word."""

import re
from bisect import bisect_right
from collections import Counter

from aivis.terms import terms

LIMIT = 700
"""Characters of one extract: what a customer reads without scrolling."""

_FENCED = re.compile(r"^ *(`{3,}|~{3,}).*?(?:^ *\1 *$|\Z)", re.MULTILINE | re.DOTALL)
_START = re.compile(r"(?:\A|\n\n)\s*")
_END = re.compile(r"[.!?;](?=\s)|[。！？；]|\n|\Z")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|No|approx)\.\Z")


def extract(passage: str, question: str, limit: int = LIMIT) -> str:
    """The slice of `passage` that holds most of what `question` asks for; the whole passage if it fits.

    It has at most `limit` characters, or is one sentence if that is longer; it begins with a paragraph and ends with a
    sentence, and never within code.
    """
    text = passage.strip()
    if len(text) <= limit:
        return text
    held = Counter(terms(text))
    weights = {term: 1 / held[term] for term in set(terms(question)) if held[term]}
    windows = [_window(text, start, limit) for start in _starts(text)]
    return max(windows, key=lambda window: _worth(window, weights))


def _worth(window: str, weights: dict[str, float]) -> float:
    return sum(weights.get(term, 0.0) for term in set(terms(window)))


def _starts(text: str) -> list[int]:
    code = _code(text)
    return [
        found.end() for found in _START.finditer(text) if found.end() < len(text) and not _inside(found.end(), code)
    ]


def _window(text: str, start: int, limit: int) -> str:
    code = _code(text)
    ends = [
        found.end()
        for found in _END.finditer(text, start + 1)
        if not _inside(found.end(), code) and not _ABBREVIATION.search(text, start, found.end())
    ]
    last = bisect_right(ends, start + limit) - 1
    return text[start : ends[max(last, 0)]].strip()


def _code(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _FENCED.finditer(text)]


def _inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < place < end for start, end in spans)
