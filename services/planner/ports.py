"""What the planner needs of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Embedding(Protocol):
    """Texts to vectors of equal length; `aivis.embedding.Embedder` is one."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (n, dimensions), in the order of `texts`."""


class Vocabulary(Protocol):
    """The words of a language: one of them is no typo of another."""

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is a word."""


@dataclass(frozen=True)
class Language:
    """What the planner knows of language before it knows a domain."""

    embedding: Embedding
    model: str
    """Names the embedding: what was trained on another one's vectors is of no use."""
    vocabulary: Vocabulary
