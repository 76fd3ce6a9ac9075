"""What a ticket asks, as questions to search for."""

import re

from aivis.terms import terms

LONGEST = 2_000
"""Characters of a question that is searched for."""
_MOST_PARTS = 4

_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear \w+|good (?:morning|day|evening)|您好|你好)\b(?: \w+)?\s*[,!，！]\s*", re.IGNORECASE
)
_CLOSING = re.compile(
    r"^(?:many |best |kind |with )*(?:thanks|thank you|regards|cheers|sincerely|谢谢|此致)", re.IGNORECASE
)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|\Z|[\u4e00-\u9fff])|[。！？]|\n|\Z)", re.DOTALL)


def questions(text: str) -> tuple[str, ...]:
    """The whole of what `text` asks, then, where it asks several things, each of them.

    Where there are question marks, sentences without one (greetings, the story) are left out.
    """
    sentences = [sentence for found in _SENTENCE.findall(text) if terms(sentence := _said(found))]
    asked = [sentence for sentence in sentences if sentence.endswith(("?", "？"))] or sentences
    whole = " ".join(asked)[:LONGEST] or text.strip()[:LONGEST]
    return (whole, *asked[:_MOST_PARTS]) if len(asked) > 1 else (whole,)


def _said(sentence: str) -> str:
    """The sentence without its greeting; nothing when it only says goodbye."""
    stripped = _GREETING.sub("", sentence.strip())
    return "" if _CLOSING.match(stripped) and not stripped.endswith(("?", "？")) else stripped
