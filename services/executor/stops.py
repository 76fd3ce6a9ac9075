"""The stop switch and change freezes: names that, while they are held, keep effects from beginning."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field

from aivis import identity
from aivis.errors import Invalid
from aivis.events.envelope import Value
from aivis.mailbox.values import ANY_TENANT, Window

PREFIX = "stop:"
_ALL = "stop:effects"
_TOOL = "stop:tool:"
HOLDER = "stop"


class Stop(Value):
    """What is stopped: the effects of one tenant or of all, of one tool or of all."""

    tenant: str = Field(default=ANY_TENANT, max_length=100, pattern=r"^(\*|[A-Za-z0-9._-]+)$")
    tool: str = Field(default="", max_length=200)
    """Empty: every tool."""

    @property
    def name(self) -> str:
        """What is held, under the tenant, while it is stopped."""
        return _TOOL + self.tool if self.tool else _ALL


class Freeze(Stop):
    """Effects that may not begin from one moment to another; it ends by itself."""

    begins: AwareDatetime | None = None
    """None: now."""
    ends: AwareDatetime
    reason: str = Field(min_length=1, max_length=500)
    """For people, and for the agent."""
    id: str = Field(default="", max_length=100)
    """Empty: derived, so that the same freeze set twice is one."""

    @property
    def window(self) -> Window:
        """What is held, from when to when, while it lasts."""
        when = (self.begins.isoformat() if self.begins else "", self.ends.isoformat())
        id = self.id or identity.derived("freeze", self.tenant, self.tool, *when, self.reason)
        return Window(self.tenant, id, self.name, self.begins, self.ends, self.reason)

    @classmethod
    def of(cls, window: Window) -> Self:
        """The freeze that `window` stands for."""
        tool = read(window.tenant, window.hold).tool
        return cls(
            tenant=window.tenant, tool=tool, begins=window.begins, ends=window.ends, reason=window.reason, id=window.id
        )


def frozen(tool: str, ends: datetime, reason: str) -> str:
    """Why an effect of `tool` does not begin."""
    return f"effects of {tool} are frozen until {ends:%Y-%m-%d %H:%M} UTC: {reason}"


def stops_for(tool: str) -> tuple[str, ...]:
    """The names that nobody may hold when an effect of `tool` begins."""
    return _ALL, _TOOL + tool


def read(tenant: str, name: str) -> Stop:
    """The stop that the hold `name` of `tenant` stands for."""
    if name == _ALL:
        return Stop(tenant=tenant)
    if not name.startswith(_TOOL):
        raise Invalid(f"{name!r} is no stop")
    return Stop(tenant=tenant, tool=name.removeprefix(_TOOL))
