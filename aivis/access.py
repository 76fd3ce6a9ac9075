"""Who may do what: API keys, of which only hashes are kept."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from aivis.errors import Invalid
from aivis.events.envelope import Value

AGENT = "agent"
"""The name that no person may have: cases that nobody has taken are its."""


class Role(StrEnum):
    UPSTREAM = "upstream"
    """A tenant's ticket system or program: hands tickets in and hears what becomes of them."""
    EXPERT = "expert"
    """A person who guides the agent."""


class Grant(Value):
    """What a key is good for."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
    """Whose key it is: an expert's name as colleagues and customers see it, or a system's."""
    role: Role
    tenants: tuple[str, ...] = Field(min_length=1)
    source: str = Field(default="api", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """Under which upstream source its tickets come in."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    """Of the key. Keys are long and random, so that a plain hash keeps them."""


def fingerprint(key: str) -> str:
    """The hash under which a key is kept."""
    return hashlib.sha256(key.encode()).hexdigest()


class Keys:
    """The keys of one service."""

    def __init__(self, grants: Iterable[Grant], role: Role) -> None:
        """Keep the grants of `role`. `Invalid` when two share a name or a key, or one has the agent's name."""
        self._grants = tuple(grant for grant in grants if grant.role is role)
        for grant in self._grants:
            if grant.name == AGENT:
                raise Invalid(f"keys: the name {AGENT!r} is the agent's: give the {role} another")
        for what, values in (("name", [g.name for g in self._grants]), ("key", [g.sha256 for g in self._grants])):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise Invalid(f"keys: two {role}s have the same {what} {twice[0]!r}: give each its own")

    def grant(self, key: str) -> Grant | None:
        """What `key` is good for; None when nobody knows it. Takes the same time whichever key it is."""
        presented = fingerprint(key)
        found = None
        for grant in self._grants:
            if hmac.compare_digest(grant.sha256, presented):
                found = grant
        return found

    def named(self, name: str) -> Grant | None:
        """The grant of that name, for a session that a key has opened."""
        return next((grant for grant in self._grants if grant.name == name), None)
