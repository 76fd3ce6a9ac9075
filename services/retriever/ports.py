"""The values of this service, and the ports behind which the outside lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aivis.embedding import Vectors

Vector = npt.NDArray[np.float32]
"""Of length one, shape (384,)."""

SHARED = "_shared"
"""The tenant whose knowledge every tenant sees."""


@dataclass(frozen=True)
class Document:
    """A document as it was published."""

    id: str
    title: str
    text: str
    source: str
    media_type: str = "text/markdown"
    language: str = "en"


@dataclass(frozen=True)
class Passage:
    """A piece of a document that can be cited."""

    id: str
    document_id: str
    title: str
    section: str
    """Headings from the document's top to the passage, joined by " > "; without the title."""
    text: str
    source: str
    version: str
    language: str


@dataclass(frozen=True, eq=False)
class Indexed:
    """A passage with what it is found by."""

    passage: Passage
    terms: tuple[str, ...]
    vector: Vector | None = None
    """None when no model speaks the passage's language."""
    digest: str = ""
    """Of the text that was embedded and the model: the same digest, the same vector."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked, as an index reads it."""

    terms: tuple[str, ...]
    vector: Vector | None = None
    language: str = ""
    """Only passages in this language, when set."""
    limit: int = 10


@dataclass(frozen=True)
class Hit:
    """A passage found. What the three figures mean is said in proto/aivis/v1/knowledge.proto."""

    passage: Passage
    score: float
    similarity: float
    coverage: float


class Embed(Protocol):
    """Texts to vectors of length one, shape (n, 384), by the first `tokens` of each."""

    async def __call__(self, texts: Sequence[str], *, tokens: int = ...) -> Vectors: ...


class Index(Protocol):
    """Passages by tenant. Nothing of one tenant is ever seen by another; `SHARED` is seen by all."""

    async def version(self, tenant: str, document: str) -> str | None:
        """The version of `document` that is indexed, or None."""

    async def documents(self, tenant: str) -> set[str]:
        """The ids of all documents of `tenant` alone."""

    async def vectors(self, tenant: str, document: str) -> Mapping[str, Vector]:
        """The vectors of the indexed version of `document`, by digest, so that what did not change is not embedded."""

    async def replace(self, tenant: str, document: str, version: str, passages: Sequence[Indexed]) -> None:
        """Put `passages` in the place of all earlier ones of `document`. Repeating it changes nothing."""

    async def withdraw(self, tenant: str, document: str) -> None:
        """Forget `document`; nothing happens when it is not there."""

    async def search(self, tenant: str, question: Question) -> Sequence[Hit]:
        """The best passages of `tenant` and of `SHARED`, best first."""

    async def get(self, tenant: str, passage: str) -> Passage:
        """The passage of `tenant` or of `SHARED`; `NotFound` says which was asked for."""

    async def check(self) -> None:
        """`Transient` when the index cannot answer now, saying what is down."""

    async def close(self) -> None: ...
