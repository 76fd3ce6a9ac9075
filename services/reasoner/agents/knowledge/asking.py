"""What a ticket asks, as questions to search for."""

import re

from aivis.terms import terms

LONGEST = 2_000
"""Characters of a question that is searched for."""
_MOST_PARTS = 4

_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|\Z)|[。！？]|\n|\Z)", re.DOTALL)


def questions(text: str) -> tuple[str, ...]:
    """The whole of what `text` asks, then, where it asks several things, each of them.

    Where there are question marks, sentences without one (greetings, the story) are left out.
    """
    sentences = [sentence for found in _SENTENCE.findall(text) if (sentence := found.strip()) and terms(sentence)]
    asked = [sentence for sentence in sentences if sentence.endswith(("?", "？"))] or sentences
    whole = " ".join(asked)[:LONGEST] or text.strip()[:LONGEST]
    return (whole, *asked[:_MOST_PARTS]) if len(asked) > 1 else (whole,)
