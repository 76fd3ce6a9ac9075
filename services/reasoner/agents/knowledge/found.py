"""What a search brought, as the result of knowledge.search says it."""

from dataclasses import dataclass

from aivis.events.envelope import JsonObject
from aivis.events.replies import Citation


@dataclass(frozen=True)
class Found:
    """A passage and how well it fits; the figures are said in proto/aivis/v1/knowledge.proto."""

    id: str
    title: str
    section: str
    text: str
    source: str
    score: float
    similarity: float
    coverage: float

    @property
    def citation(self) -> Citation:
        return Citation(passage=self.id, title=self.title, section=self.section, source=self.source)


def found_in(result: JsonObject) -> tuple[Found, ...]:
    """The hits in the result of knowledge.search, best first; what is no passage is passed over."""
    hits = result.get("hits")
    read = (_read(hit) for hit in hits if isinstance(hit, dict)) if isinstance(hits, list) else ()
    return tuple(sorted((found for found in read if found is not None), key=lambda found: -found.score))


def _read(hit: JsonObject) -> Found | None:
    if not hit.get("passage_id") or not hit.get("text"):
        return None
    return Found(
        id=str(hit["passage_id"]),
        title=str(hit.get("title", "")),
        section=str(hit.get("section", "")),
        text=str(hit["text"]),
        source=str(hit.get("source", "")),
        score=_number(hit.get("score")),
        similarity=_number(hit.get("similarity")),
        coverage=_number(hit.get("coverage")),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
