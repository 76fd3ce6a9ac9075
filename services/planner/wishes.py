"""Wishes: whether a doing that a text names is wished for, forbidden, or only told of."""

import re
from collections.abc import Collection, Sequence
from enum import StrEnum

from services.planner.concepts import Found

FORBIDDING = "not_this"
"""The concept of the domain's that forbids what follows it: "do not", "never"."""
_NEAR = 30
"""Characters between "do not" and the doing within which the one forbids the other."""
_IF_NEEDED = re.compile(
    r"\bif (?:it(?:'s| is)? )?(?:needed|necessary|required|possible|that|it) ?(?:helps)?\b|必要时|如有必要|如果需要",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"(?:\b(?:we|i|they|he|she|it|nobody|somebody|someone|admins?|colleagues?|team|provider)(?:'d|'ve)?\s+"
    r"(?:(?:have|had|has|already|just|also|even|only|accidentally|did|then)\s+){0,2}"
    r"|\b(?:may|can|could|might) be\s+"
    r"|\b(?:was|were|is|are|has been|have been|had been|being|got|after (?:the|a|an|our)|since (?:the|a|an|our|last)"
    r"|(?:the|a|our) last|ask you to|every time (?:we|i))\s+"
    r"|(?:已经?|刚刚?|昨天|昨晚|上周|之前|意外|突然|自动|自己)\s*)$",
    re.IGNORECASE,
)
"""What stands before a doing that is told, not wished: "we restarted it", "it was stopped"."""
_PAST = re.compile(r"(?:^|[.,;:]\s*|\b(?:and|but|then|also|just|already)\s+)$", re.IGNORECASE)
"""Where a doing that ends in -ed is one that was done: "we resized it and opened a port"."""
_TOLD = re.compile(
    r"\s*(?:过|状态|did not|didn't|does not|doesn't|has not|changed nothing|without success|fine\b"
    r"|by (?:itself|us|our|mistake|accident))",
    re.IGNORECASE,
)
"""What stands behind one."""
_WISHES = re.compile(
    r"(?:^|[.,;:!?]\s*|\b(?:please|pls|plz|kindly|and|then|also|now|to|be|you|us|for a|needs? an?|want an?)\s+"
    r"|(?:请|麻烦|帮我|帮忙|需要|想|把\S{0,12}?|再|然后|给\S{0,12}?)\s*)(?:(?:please|kindly|just|simply|also|now)\s+)*$",
    re.IGNORECASE,
)


class Mood(StrEnum):
    WISHED = "wished"
    TOLD = "told"
    FORBIDDEN = "forbidden"
    PLAIN = "plain"


def mood(doing: Found, text: str, found: Sequence[Found]) -> Mood:
    """How `text` speaks of `doing`, one of its concepts `found`."""
    before = text[: doing.start]
    if any(each.concept == FORBIDDING and 0 <= doing.start - each.end < _NEAR for each in found):
        return Mood.FORBIDDEN
    past = text[doing.start : doing.end].lower().endswith("ed") and _PAST.search(before)
    if past or _TELLS.search(before) or _TOLD.match(text[doing.end :]):
        return Mood.TOLD
    return Mood.WISHED if _WISHES.search(before) else Mood.PLAIN


def idle(doings: Collection[str], text: str, found: Sequence[Found]) -> bool:
    """Whether `text` names doings and wishes none of them, or leaves them to our judgement."""
    named = [each for each in found if each.concept in doings]
    moods = {mood(each, text, found) for each in named}
    return bool(named) and (moods <= {Mood.TOLD, Mood.FORBIDDEN} or bool(_IF_NEEDED.search(text)))
