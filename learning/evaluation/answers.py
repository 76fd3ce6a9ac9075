"""Whole answers in this process: the retriever's search and the knowledge agent's word, without the bus between."""

from collections.abc import Sequence
from dataclasses import dataclass

from aivis.embedding import shared_embedder
from aivis.errors import NotFound
from aivis.terms import is_han
from services.reasoner.agents.knowledge.answering import Answer, NotKnown, answer
from services.reasoner.agents.knowledge.asking import questions
from services.reasoner.agents.knowledge.found import Found
from services.retriever.indexing import question
from services.retriever.ports import Hit, Index


@dataclass(frozen=True)
class Figures:
    """Of answers to questions whose right documents are known. Shares are of all questions."""

    questions: int
    right_first: float
    """The first citation is of a right document."""
    wrong_first: float
    not_known: float
    grounded: float
    """Of the answers given: every extract stands word for word in the passage that is cited for it."""


async def answered(text: str, index: Index, *, tenant: str) -> Answer | NotKnown:
    """What the knowledge agent says to `text`, by what `index` holds."""
    searched: dict[str, list[Found]] = {}
    for asked in questions(text):
        hits = await index.search(tenant, await question(asked, shared_embedder().embed_async))
        searched[asked] = [_found(hit) for hit in hits]
    return answer(searched, "zh" if is_han(text) else "en")


async def measured(asked: Sequence[tuple[str, Sequence[str]]], index: Index, *, tenant: str) -> Figures:
    """The figures over pairs of (question, ids of its right documents)."""
    right = wrong = silent = grounded = 0
    for text, relevant in asked:
        said = await answered(text, index, tenant=tenant)
        if isinstance(said, NotKnown):
            silent += 1
            continue
        first = await index.get(tenant, said.citations[0].passage)
        right += first.document_id in relevant
        wrong += first.document_id not in relevant
        grounded += await is_grounded(said, index, tenant=tenant)
    total = max(len(asked), 1)
    return Figures(len(asked), right / total, wrong / total, silent / total, grounded / max(right + wrong, 1))


async def is_grounded(said: Answer, index: Index, *, tenant: str) -> bool:
    """Whether every citation opens, and every extract stands word for word in its passage."""
    try:
        passages = [await index.get(tenant, citation.passage) for citation in said.citations]
    except NotFound:
        return False
    return all(extract in passage.text for extract, passage in zip(said.extracts, passages, strict=True))


def _found(hit: Hit) -> Found:
    own = hit.passage
    return Found(own.id, own.title, own.section, own.text, own.source, hit.score, hit.similarity, hit.coverage)
