"""An answer out of passages: word for word, with what it rests on; or 'not known', and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aivis.events.replies import Citation
from services.reasoner.agents.knowledge.extracts import extract
from services.reasoner.agents.knowledge.found import Found
from services.reasoner.agents.knowledge.knowing import KNOWN, background, belief

_MOST = 3
"""Passages of one answer."""
_SOURCES = {"en": "Sources:", "zh": "来源:"}


@dataclass(frozen=True)
class Answer:
    text: str
    """Extracts, each marked with the number of its citation, and the list of sources."""
    extracts: tuple[str, ...]
    """Slices of the cited passages' texts, in the order of `citations`."""
    citations: tuple[Citation, ...]
    belief: float
    """In the first citation: how likely it answers, in [0, 1]."""


@dataclass(frozen=True)
class NotKnown:
    reason: str
    nearest: tuple[Citation, ...]
    """What came closest, for the expert."""


def answer(searched: Mapping[str, Sequence[Found]], language: str) -> Answer | NotKnown:
    """The answer to the questions `searched`, each with what was found for it, best first.

    The first question is the whole; the others are its parts. A part's passage counts only if it was found for the
    whole too: a part such as "Do I lose data?" means nothing by itself.
    """
    whole, *parts = searched
    chosen: dict[str, tuple[Found, float, str]] = {}
    for question in (whole, *parts):
        best = _best(searched[question], question)
        if best is not None and best[0].id in _ids(searched[whole]):
            chosen.setdefault(best[0].id, (*best, question))
    if not chosen:
        return _not_known(searched[whole], whole)
    return _composed(list(chosen.values())[:_MOST], language)


def _ids(found: Sequence[Found]) -> set[str]:
    return {each.id for each in found}


def _best(found: Sequence[Found], question: str) -> tuple[Found, float] | None:
    """The highest of `found` that is believed to answer, if one is."""
    behind = background(found)
    believed = ((each, belief(each, question, behind)) for each in found)
    return next(((each, share) for each, share in believed if share >= KNOWN), None)


def _composed(chosen: Sequence[tuple[Found, float, str]], language: str) -> Answer:
    extracts = tuple(extract(found.text, question) for found, _, question in chosen)
    citations = tuple(found.citation for found, _, _ in chosen)
    numbered = [_marked(text, number) for number, text in enumerate(extracts, 1)]
    sources = [f"[{number}] {cited(citation)}" for number, citation in enumerate(citations, 1)]
    heading = _SOURCES.get(language.partition("-")[0], _SOURCES["en"])
    text = "\n\n".join([*numbered, "\n".join([heading, *sources])])
    return Answer(text, extracts, citations, chosen[0][1])


def _marked(text: str, number: int) -> str:
    """The extract with its number, on a line of its own behind a table or code, which it would break."""
    return f"{text}{chr(10) if text.endswith(('|', '`', '~')) else ' '}[{number}]"


def cited(citation: Citation) -> str:
    """One line that names a passage."""
    place = f"{citation.title} > {citation.section}" if citation.section else citation.title
    return f"{place} ({citation.source})"


def _not_known(found: Sequence[Found], question: str) -> NotKnown:
    nearest = tuple(each.citation for each in found[:3])
    if not nearest:
        return NotKnown("The knowledge holds nothing about this question.", ())
    share = belief(found[0], question, background(found))
    return NotKnown(
        f"The knowledge does not answer this question: the belief that the nearest passage, '{nearest[0].title}', does"
        f" is {share:.2f}, and {KNOWN} is asked for.",
        nearest,
    )
