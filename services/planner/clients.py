"""Clients: the English vocabulary of the embedding's tokenizer."""

from functools import cache
from pathlib import Path

import blingfire

_UNKNOWN = 100


class Vocabulary:
    """The thirty thousand commonest words and names of English, as the tokenizer of BERT and MiniLM keeps them."""

    def __init__(self) -> None:
        self._model: int = blingfire.load_model(str(Path(blingfire.__file__).parent / "bert_base_tok.bin"))

    def knows(self, word: str) -> bool:
        """Whether `word`, in lower case, is one of them as a whole."""
        ids = blingfire.text_to_ids(self._model, word, 4, _UNKNOWN, no_padding=True)
        return len(ids) == 1 and int(ids[0]) != _UNKNOWN


@cache
def vocabulary() -> Vocabulary:
    """The one vocabulary of this process."""
    return Vocabulary()
