"""When an undo may put the former state back."""

from typing import TypeVar

from aivis.errors import Refused

T = TypeVar("T")


def must_put_back(now: T, *, left: T, before: T, what: str) -> bool:
    """Whether there is something to do: `left` is what the effect left, `before` what was there before it.

    `Refused` when neither is there now: someone has changed it since, and that change is not ours to overwrite.
    """
    if now == before:
        return False
    if now == left:
        return True
    raise Refused(f"{what} was changed by someone else since: it is {now}, and was left as {left}; look before undoing")
