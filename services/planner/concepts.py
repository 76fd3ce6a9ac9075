"""Concepts: words that mean one thing, whatever the language and in spite of a typo, found in a text."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"[a-z0-9_]+(?:['.%/-][a-z0-9_%]+)*%?|[\u3400-\u9fff]|\S")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NO_APOSTROPHE = re.compile(r"\b(ca|do|does|did|is|are|wo|could|would|should|has|have|was|were)nt\b", re.IGNORECASE)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_GAP = "*"
_GAP_TOKENS = 3
"""How many tokens a gap in an entry may stand for."""
_SHORTEST_TYPO, _SHORTEST_REPLACEMENT = 4, 6
"""Letters from which on a slip, and a wrong letter, is mended: shorter words are too near each other."""


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """A concept in a text, with its place in characters."""

    concept: str
    start: int
    end: int


@dataclass(frozen=True)
class _Entry:
    concept: str
    parts: tuple[str, ...]
    size: int


class Lexicon:
    """The concepts of a domain, ready to be found."""

    def __init__(self, concepts: Mapping[str, Sequence[str]], *, known: Callable[[str], bool]) -> None:
        """What is `known` to be a word is never taken for a typo."""
        self._by_first: dict[str, list[_Entry]] = {}
        self._by_prefix: dict[str, list[_Entry]] = {}
        self._by_suffix: list[_Entry] = []
        words: set[str] = set()
        targets: set[str] = set()
        for concept, phrases in concepts.items():
            for phrase in phrases:
                entry = _entry(concept, phrase)
                self._keep(entry)
                own = [part.rstrip(_GAP) for part in entry.parts if not part.startswith(_GAP)]
                words.update(own)
                targets.update(own if len(entry.parts) == 1 else ())
        self._targets = frozenset(word for word in targets if word.isalpha() and word.isascii() and len(word) >= 4)
        self._words = frozenset(words)
        self._known = known
        self._respelt = lru_cache(maxsize=20_000)(self._mended)

    def _keep(self, entry: _Entry) -> None:
        first = entry.parts[0]
        if first.startswith(_GAP):
            self._by_suffix.append(entry)
        elif first.endswith(_GAP):
            self._by_prefix.setdefault(first[:2], []).append(entry)
        else:
            self._by_first.setdefault(first, []).append(entry)

    def mend(self, text: str) -> str:
        """`text` with words that are one slip away from a concept's word written as that word; "cant" is "can't"."""
        text = _NO_APOSTROPHE.sub(r"\1n't", text)
        pieces, place = [], 0
        for token in _tokens(text):
            right = self._respelt(token.text)
            if right != token.text:
                pieces += [text[place : token.start], right]
                place = token.end
        return "".join([*pieces, text[place:]])

    def find(self, text: str) -> list[Found]:
        """The concepts of `text` in their order; where several begin, the longest entry is taken."""
        tokens = _tokens(text)
        found: list[Found] = []
        place = 0
        while place < len(tokens):
            entry, end = self._longest(tokens, place)
            if entry is not None:
                found.append(Found(entry.concept, tokens[place].start, tokens[end - 1].end))
            place = max(end, place + 1)
        return found

    def gloss(self, text: str, found: Sequence[Found]) -> str:
        """Chinese read word by word into English, for a model that knows no Chinese; any other text is left."""
        if not _HAN.search(text):
            return text
        pieces, place = [], 0
        for each in found:
            pieces += [text[place : each.start], f" {each.concept.replace('_', ' ')} "]
            place = each.end
        english = _HAN.sub(" ", "".join([*pieces, text[place:]]))
        return " ".join(english.replace("。", ". ").split())

    def _longest(self, tokens: Sequence[Token], place: int) -> tuple[_Entry | None, int]:
        best, best_end = None, place
        for entry in self._candidates(tokens[place].text):
            end = _match(entry.parts, tokens, place)
            if end and (best is None or entry.size > best.size):
                best, best_end = entry, end
        return best, best_end

    def _candidates(self, token: str) -> Iterator[_Entry]:
        yield from self._by_first.get(token, ())
        yield from self._by_prefix.get(token[:2], ())
        yield from self._by_suffix

    def _mended(self, word: str) -> str:
        if len(word) < _SHORTEST_TYPO or not (word.isascii() and word.isalpha()) or self._is_known(word):
            return word
        near = sorted(self._targets.intersection(_slips(word)))
        return next((target for target in near if target[0] == word[0] and not _inflected(word, target)), word)

    def _is_known(self, word: str) -> bool:
        return (
            word in self._words
            or self._known(word)
            or any(
                word.startswith(entry.parts[0][:-1]) and len(entry.parts) == 1
                for entry in self._by_prefix.get(word[:2], ())
            )
        )


def _tokens(text: str) -> list[Token]:
    return [Token(match[0], *match.span()) for match in _TOKEN.finditer(text.lower().replace("’", "'"))]


def tokens_of(text: str) -> list[str]:
    """The words of `text` as concepts are matched against them."""
    return [token.text for token in _tokens(text)]


def _entry(concept: str, phrase: str) -> _Entry:
    parts: list[str] = []
    for word in phrase.lower().split():
        if word == _GAP:
            parts.append(_GAP)
            continue
        stem = word.strip(_GAP)
        tokens = [token.text for token in _tokens(stem)]
        tokens[0] = _GAP * word.startswith(_GAP) + tokens[0]
        tokens[-1] += _GAP * word.endswith(_GAP)
        parts += tokens
    return _Entry(concept, tuple(parts), len(phrase))


def _match(parts: Sequence[str], tokens: Sequence[Token], place: int) -> int:
    """The end of the match of `parts` that begins at `place`, or 0."""
    if not parts:
        return place
    if parts[0] == _GAP:
        ends = (_match(parts[1:], tokens, place + skipped) for skipped in range(1, _GAP_TOKENS + 1))
        return next((end for end in ends if end), 0)
    if place >= len(tokens) or not _same(parts[0], tokens[place].text):
        return 0
    return _match(parts[1:], tokens, place + 1)


def _same(part: str, token: str) -> bool:
    if part.endswith(_GAP):
        return token.startswith(part[:-1])
    if part.startswith(_GAP):
        return token.endswith(part[1:])
    return part == token


def _inflected(word: str, target: str) -> bool:
    """Whether one is the other with a letter more at its end: another form, not a slip."""
    return word.startswith(target) or target.startswith(word)


def _slips(word: str) -> set[str]:
    """All that is one slip of the keyboard away: a letter missing, doubled, exchanged with its neighbour, or wrong."""
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    near = {left + right[1:] for left, right in cuts if right}
    near |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    near |= {left + letter + right for left, right in cuts for letter in _LETTERS}
    if len(word) >= _SHORTEST_REPLACEMENT:
        near |= {left + letter + right[1:] for left, right in cuts if right for letter in _LETTERS}
    return near
