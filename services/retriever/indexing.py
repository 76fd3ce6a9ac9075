"""Documents into the index, incrementally: only what changed is cut, and only passages that changed are embedded."""

import hashlib

from aivis.embedding import MODEL
from aivis.terms import is_han, terms
from services.retriever.passages import cut, version
from services.retriever.ports import Document, Embed, Index, Indexed, Passage, Question, Vector

PASSAGE_TOKENS = 64
"""Read of a passage: its headings and first sentences say what it is about. 128 take twice as long and find no more."""
MAX_TERMS = 64
"""Of a question: a whole ticket may come as one."""


async def index_document(tenant: str, document: Document, index: Index, embed: Embed) -> bool:
    """Bring `document` into the index; False when this very version was there."""
    if await index.version(tenant, document.id) == version(document):
        return False
    passages = cut(document)
    known = dict(await index.vectors(tenant, document.id))
    texts = {_digest(text): text for passage in passages if (text := embedded_text(passage))}
    new = [digest for digest in texts if digest not in known]
    if new:
        known |= dict(zip(new, await embed([texts[digest] for digest in new], tokens=PASSAGE_TOKENS), strict=True))
    indexed = [_indexed(passage, known) for passage in passages]
    await index.replace(tenant, document.id, version(document), indexed)
    return True


def embedded_text(passage: Passage) -> str:
    """What is embedded of a passage: its headings, then its words. Empty when the model does not speak its language."""
    if passage.language.partition("-")[0].lower() != "en" or is_han(passage.text):
        return ""
    return f"{heading(passage)}\n{passage.text}"


def heading(passage: Passage) -> str:
    """Title and section in one line."""
    return f"{passage.title} > {passage.section}" if passage.section else passage.title


def found_by(passage: Passage) -> list[str]:
    """The terms a passage is found by: those of its headings and of its text."""
    return terms(f"{heading(passage)}\n{passage.text}")


async def question(text: str, embed: Embed, *, language: str = "", limit: int = 10) -> Question:
    """`text` as an index reads it. A Chinese question has no vector: the model speaks English."""
    vector = None if is_han(text) or not text.strip() else (await embed([text]))[0]
    distinct = list(dict.fromkeys(terms(text)))
    return Question(terms=tuple(distinct[:MAX_TERMS]), vector=vector, language=language, limit=limit)


def _indexed(passage: Passage, vectors: dict[str, Vector]) -> Indexed:
    text = embedded_text(passage)
    digest = _digest(text) if text else ""
    return Indexed(passage, tuple(found_by(passage)), vectors.get(digest), digest)


def _digest(text: str) -> str:
    return hashlib.sha256(f"{MODEL}/{PASSAGE_TOKENS}\x1f{text}".encode(errors="replace")).hexdigest()
