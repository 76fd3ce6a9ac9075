"""Whether modules speak the domain's words: an intent or a symptom that nobody reads in tickets is never served."""

import difflib
from collections.abc import Collection, Iterator, Sequence

from aivis.modules.loader import Loaded
from aivis.modules.problems import Problem


def wording_faults(loaded: Loaded, intents: Collection[str], symptoms: Collection[str]) -> Iterator[Problem]:
    """Words in `serves` and `explains` that are none of the planner's `intents` and `symptoms`."""
    for source in loaded.sources:
        for field, words, known in (
            ("serves", source.module.serves, intents),
            ("explains", source.module.explains, symptoms),
        ):
            for place, word in enumerate(words):
                if word not in known:
                    yield source.marked.problem((field, place), _unknown(word, sorted(known)))


def _unknown(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"{word!r} is read in no ticket: {hint}"
