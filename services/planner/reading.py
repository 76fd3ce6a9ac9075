"""Reading: a text becomes units, each of which wants one thing or tells a circumstance."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.planner import injection
from services.planner.classifying import Classifier, Guess
from services.planner.concepts import Lexicon
from services.planner.domain import Domain, Intent
from services.planner.features import Prepared
from services.planner.mentions import Mention, Reader, hides_text, normalised
from services.planner.segments import Clause, Sentence, Voice, sentences
from services.planner.wishes import idle

_CORRECTS = re.compile(
    r"\bi meant?\b|\bsorry\b|\bcorrection\b|\bactually\b|\btypo\b|\bmistake\b|\bshould (?:be|have been|read)\b"
    r"|\bwrong (?:id|port|ip|address|number)\b|更正|写错|说错|应该是|应为|我是说|不对",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Unit:
    """A sentence, or a part of one that wants something of its own."""

    text: str
    guess: Guess
    mentions: tuple[Mention, ...] = ()
    concepts: tuple[str, ...] = ()
    intent: str | None = None
    """What it wants; None for a circumstance."""
    sequel: bool = False
    """To come after what was wanted before it."""
    subject: bool = False
    signs: tuple[str, ...] = ()
    """Signs that it, or what came before it, speaks to the agent as a machine."""
    refused: bool = False
    """Names a doing to forbid it, to leave it to our judgement, or to tell of it: "restart if needed"."""


@dataclass(frozen=True)
class Reading:
    """All of a ticket, in order: the subject's units first."""

    units: tuple[Unit, ...]
    whole: Guess | None
    """Of the text as one; None when there is no text."""

    @property
    def signs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sign for unit in self.units for sign in unit.signs))


@dataclass(frozen=True)
class _Piece:
    """A piece of text on its way to a unit."""

    text: str
    mentions: tuple[Mention, ...]
    prepared: Prepared


class TicketReader:
    """Reads texts of one domain."""

    def __init__(self, domain: Domain, classifier: Classifier, lexicon: Lexicon) -> None:
        self._domain = domain
        self._classifier = classifier
        self._lexicon = lexicon
        self._mentions = Reader(domain.routing)
        self._showing = {name: _showing(name, domain) for name in domain.routing.intents}

    def read(self, subject: str, text: str, *, trusted: bool = False) -> Reading:
        """The reading of a ticket; of a trusted text, an expert's, no sign of instructions to the agent is sought."""
        said = [(each, True) for each in sentences(normalised(subject))]
        said += [(each, False) for each in sentences(normalised(text))]
        whole, units = self._classified([sentence for sentence, _ in said])
        placed = [replace(unit, subject=said[at][1]) for at, own in enumerate(units) for unit in own]
        if not trusted:
            placed = _with_signs(placed, hidden=hides_text(subject) or hides_text(text))
        return Reading(tuple(_corrected(placed)), whole)

    def _classified(self, said: Sequence[Sentence]) -> tuple[Guess | None, list[list[Unit]]]:
        """A guess on the text as one, and the units of each sentence; all guesses are made in one run."""
        wholes = [self._piece(sentence.text) for sentence in said]
        parts = [[self._piece(s.text[clause.start : clause.end]) for clause in s.clauses] for s in said]
        pieces = [*wholes, *(piece for own in parts for piece in own)]
        own_words = [w.prepared for w, s in zip(wholes, said, strict=True) if s.voice is Voice.CUSTOMER]
        together = self._classifier.prepare(" ".join(each.text for each in own_words))
        guesses = self._classifier.guess([together, *(piece.prepared for piece in pieces)])
        rest = iter(guesses[1 + len(wholes) :])
        units = []
        for at, sentence in enumerate(said):
            by_clause = [next(rest) for _ in sentence.clauses]
            groups = self._groups(sentence, by_clause, parts[at])
            if len(groups) < 2:
                units.append([self._unit(sentence, wholes[at], self._clearest(guesses[1 + at], by_clause, parts[at]))])
            else:
                units.append([self._part(sentence, group) for group in groups])
        return (guesses[0] if own_words else None), units

    def _piece(self, text: str) -> _Piece:
        mentions = tuple(self._mentions.read(text))
        return _Piece(text, mentions, self._classifier.prepare(self._mentions.masked(text, mentions)))

    def _groups(
        self, sentence: Sentence, guesses: Sequence[Guess], pieces: Sequence[_Piece]
    ) -> list[list[tuple[Clause, Guess]]]:
        """Clauses that want the same, together; a clause that wants nothing of its own goes with the one before it."""
        groups: list[list[tuple[Clause, Guess]]] = []
        wanted: str | None = None
        for clause, guess, piece in zip(sentence.clauses, guesses, pieces, strict=True):
            clear = self._wants(guess, piece)
            if not groups or (clear and wanted is not None and guess.label != wanted):
                groups.append([])
            groups[-1].append((clause, guess))
            wanted = guess.label if clear else wanted
        return groups

    def _wants(self, guess: Guess, piece: _Piece) -> bool:
        """Whether a clause clearly wants something of its own: it names a thing, or the doing."""
        routing = self._domain.routing
        if guess.probability < routing.thresholds.clause or guess.label in (routing.background, routing.unknown):
            return False
        intent = self._domain.intent(guess.label)
        if intent.question:
            return piece.text.rstrip().endswith("?")
        if intent.verbs:
            does = bool(set(intent.verbs).intersection(piece.prepared.concepts))
            return does and not self._refuses(piece.prepared.text, intent)
        return bool(self._showing[guess.label].intersection(piece.prepared.concepts)) and self._names_thing(piece)

    def _names_thing(self, piece: _Piece) -> bool:
        """A symptom without a thing of its own goes on about the thing before it."""
        return any(self._domain.resources.intersection(mention.values) for mention in piece.mentions)

    def _part(self, sentence: Sentence, group: Sequence[tuple[Clause, Guess]]) -> Unit:
        first, last = group[0][0], group[-1][0]
        piece = self._piece(sentence.text[first.start : last.end].strip())
        best = max((guess for _, guess in group), key=self._clarity)
        part = Sentence(piece.text, sentence.voice)
        return replace(self._unit(part, piece, best), sequel=any(clause.sequel for clause, _ in group))

    def _clearest(self, whole: Guess, by_clause: Sequence[Guess], pieces: Sequence[_Piece]) -> Guess:
        """The guess on a sentence, or on the clause that says what the sentence as one hides: "Start it, thanks"."""
        if self._clarity(whole) >= self._domain.routing.thresholds.confidence:
            return whole
        wanting = [guess for guess, piece in zip(by_clause, pieces, strict=True) if self._wants(guess, piece)]
        return max(wanting, key=self._clarity, default=whole)

    def _clarity(self, guess: Guess) -> float:
        return (
            0.0 if guess.label in (self._domain.routing.background, self._domain.routing.unknown) else guess.probability
        )

    def _unit(self, sentence: Sentence, piece: _Piece, guess: Guess) -> Unit:
        routing = self._domain.routing
        silent = sentence.voice is Voice.QUOTED or guess.label == routing.background
        clear = guess.probability >= routing.thresholds.confidence and not silent
        intent = guess.label if clear else None
        refused = intent is not None and self._refuses(piece.prepared.text, self._domain.intent(intent))
        return Unit(
            text=piece.text,
            guess=guess,
            mentions=piece.mentions,
            concepts=piece.prepared.concepts,
            intent=None if refused else intent,
            sequel=sentence.sequel,
            refused=refused,
        )

    def _refuses(self, text: str, intent: Intent) -> bool:
        """Whether the doing of `intent` is named only to be forbidden, left to be judged, or told."""
        return bool(intent.verbs) and idle(intent.verbs, text, self._lexicon.find(text))


def _showing(intent: str, domain: Domain) -> frozenset[str]:
    """The concepts that show a symptom of `intent`."""
    shown = (symptom.shown_by for symptom in domain.routing.symptoms.values() if intent in symptom.intents)
    return frozenset(concept for lists in shown for concepts in lists for concept in concepts)


def _with_signs(units: Sequence[Unit], *, hidden: bool) -> list[Unit]:
    """What follows an instruction to the agent is taken for a part of it."""
    signs: list[str] = ["hides text from people"] if hidden else []
    marked = []
    for unit in units:
        signs += [sign for sign in injection.signs(unit.text) if sign not in signs]
        marked.append(replace(unit, signs=tuple(signs)))
    return marked


def _corrected(units: Sequence[Unit]) -> list[Unit]:
    """Later words that correct earlier ones: what was wrong is no longer mentioned."""
    found: list[Unit] = []
    for unit in units:
        dropped = {(m.entity, str(m.values)) for m in unit.mentions if m.excluded}
        kept = tuple(mention for mention in unit.mentions if not mention.excluded)
        entities = (
            {mention.entity for mention in kept} if _CORRECTS.search(unit.text) and unit.intent is None else set()
        )
        found = [_without(each, entities, dropped) for each in found]
        found.append(replace(unit, mentions=kept))
    return found


def _without(unit: Unit, entities: set[str], dropped: set[tuple[str, str]]) -> Unit:
    kept = [m for m in unit.mentions if m.entity not in entities and (m.entity, str(m.values)) not in dropped]
    return replace(unit, mentions=tuple(kept))
