"""Mentions: what a text names, read by the domain's patterns into values of declared kinds."""

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.planner.domain import Entity, Kind, Routing, filled

FLAGS = re.IGNORECASE | re.ASCII
"""ASCII, so that a word ends where Chinese begins: in "打开443端口" 443 stands alone."""
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
_ITEM = re.compile(r"[^\s,、;&]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NOT_THIS = re.compile(
    r"(?:\bnot|\binstead of|\brather than|\bno longer|不是|而不是|而非)\s*(?:on |from |port |the )*$", FLAGS
)
_UNITS = {"t": 1024, "m": 1 / 1024}


@dataclass(frozen=True)
class Mention:
    """Something named at a place of a text, with the inputs it gives."""

    entity: str
    start: int
    end: int
    values: Mapping[str, str | int]
    excluded: bool = False
    """Named as what is not meant: "not 443"."""
    by_word: bool = False
    """Told by a word that also says what is wanted, and so stays in the text: "https", "everyone"."""


def normalised(text: str) -> str:
    """`text` with full-width letters and signs as ASCII, and without invisible characters."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def hides_text(text: str) -> bool:
    """Whether `text` has many characters that nobody sees: text for machines behind the text for people."""
    return len(_INVISIBLE.findall(text)) > 5


class Reader:
    """Reads the mentions of a domain's entities."""

    def __init__(self, routing: Routing) -> None:
        fragments = routing.parts()
        kinds = {entity.name: entity for entity in routing.entities}
        self._entities = [_Compiled(entity, fragments, kinds) for entity in routing.entities]

    def read(self, text: str) -> list[Mention]:
        """All mentions in `text` (normalised), in its order."""
        taken = [False] * len(text)
        found: list[Mention] = []
        for compiled in self._entities:
            own = list(compiled.by_patterns(text, taken))
            found += [mention for mention in own if mention.values]
            found += [] if any(mention.values for mention in own) else compiled.by_words(text, taken)
        return sorted(found, key=lambda mention: mention.start)

    def read_bare(self, name: str, text: str) -> str | int | None:
        """The value of the entity `name` in an answer that may be no more than the value."""
        compiled = next((each for each in self._entities if each.entity.name == name), None)
        return compiled.bare_value(text) if compiled else None

    def masked(self, text: str, mentions: Sequence[Mention]) -> str:
        """`text` with the words that stand for each mention, so that what is named does not hide what is wanted."""
        masks = {compiled.entity.name: compiled.entity.mask for compiled in self._entities}
        pieces, place = [], 0
        for mention in mentions:
            mask = masks[mention.entity]
            if mask and not mention.by_word and mention.start >= place:
                pieces += [text[place : mention.start], f" {mask} "]
                place = mention.end
        return _once_each("".join([*pieces, text[place:]]))

    def value(self, name: str, given: object) -> str | int | None:
        """`given` as a value of the entity `name`, or None when it is none; other inputs pass as they are."""
        compiled = next((each for each in self._entities if each.entity.name == name), None)
        if compiled is None:
            return given if isinstance(given, str | int) else None
        return _value(compiled.entity, str(given))


class _Compiled:
    def __init__(self, entity: Entity, fragments: Mapping[str, str], kinds: Mapping[str, Entity]) -> None:
        self.entity = entity
        self._kinds = kinds
        self._patterns = [(re.compile(filled(p.match, fragments), FLAGS), p) for p in entity.patterns]
        self._words = [(re.compile(filled(word, fragments), FLAGS), value) for word, value in entity.words.items()]
        self._bare = re.compile(filled(entity.bare, fragments), FLAGS) if entity.bare else None

    def by_patterns(self, text: str, taken: list[bool]) -> Iterator[Mention]:
        """Mentions the patterns find, each taking its characters; one without values only sets text aside."""
        for regex, pattern in self._patterns:
            for match in regex.finditer(text):
                start, end = _read_span(match)
                if any(taken[start:end]):
                    continue
                values = list(self._values(match, pattern.gives)) if pattern.choose else []
                if values or not pattern.choose:
                    taken[start:end] = [True] * (end - start)
                excluded = bool(_NOT_THIS.search(text[:start]))
                yield from (Mention(self.entity.name, start, end, each, excluded) for each in values or [{}])

    def by_words(self, text: str, taken: Sequence[bool]) -> Iterator[Mention]:
        for regex, value in self._words:
            for match in regex.finditer(text):
                if not any(taken[match.start() : match.end()]):
                    yield Mention(self.entity.name, *match.span(), {self.entity.name: value}, by_word=True)

    def bare_value(self, text: str) -> str | int | None:
        match = self._bare.search(text) if self._bare else None
        return _value(self.entity, match[0]) if match else None

    def _values(self, match: re.Match[str], gives: Mapping[str, str]) -> Iterator[dict[str, str | int]]:
        groups = {name: text for name, text in match.groupdict().items() if text is not None}
        if "values" in groups:
            listed = _NUMBER if self.entity.kind is Kind.INTEGER else _ITEM
            for item in listed.findall(groups["values"]):
                if (value := _value(self.entity, item)) is not None:
                    yield {self.entity.name: value}
            return
        read: dict[str, str | int] = dict(gives)
        for group, text in groups.items():
            name = self.entity.name if group == "value" else group
            value = _value(self._kinds[name], text) if name in self._kinds else text
            if value is None:
                return
            read[name] = value
        yield read


def _read_span(match: re.Match[str]) -> tuple[int, int]:
    """From the first to the last group that has a value: the words that lead to it stay readable for others."""
    spans = [match.span(group) for group in match.re.groupindex if match.start(group) >= 0]
    return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else match.span()


def _value(entity: Entity, text: str) -> str | int | None:
    text = text.strip().strip("\"'")
    if entity.kind is Kind.ID:
        return text.lower()
    if entity.kind in (Kind.ADDRESS, Kind.NETWORK):
        return _network(text, address=entity.kind is Kind.ADDRESS)
    if entity.kind in (Kind.INTEGER, Kind.GIBIBYTES):
        return _bounded(entity, text)
    return text


def _network(text: str, *, address: bool) -> str | None:
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return None
    if address:
        return str(network.network_address) if network.prefixlen == 32 else None
    return str(network)


def _bounded(entity: Entity, text: str) -> int | None:
    number = _NUMBER.search(text.replace(",", ""))
    if number is None:
        return None
    unit = text[number.end() :].strip()[:1].lower() if entity.kind is Kind.GIBIBYTES else ""
    value = round(float(number[0]) * _UNITS.get(unit, 1))
    low, high = entity.minimum, entity.maximum
    inside = (low is None or value >= low) and (high is None or value <= high)
    return value if inside else None


def _once_each(text: str) -> str:
    """Without a word said twice running: "my instance i-0abc1234" must not become "my instance instance"."""
    return re.sub(r"\b(\w[\w ]*?)\s+\1\b", r"\1", " ".join(text.split()), flags=FLAGS)
