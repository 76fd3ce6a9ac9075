"""The stop switch: names that, while they are held, keep effects from beginning."""

from pydantic import Field

from aivis.errors import Invalid
from aivis.events.envelope import Value

PREFIX = "stop:"
EVERY_TENANT = "*"
_ALL = "stop:effects"
_TOOL = "stop:tool:"
HOLDER = "stop"


class Stop(Value):
    """What is stopped: the effects of one tenant or of all, of one tool or of all."""

    tenant: str = Field(default=EVERY_TENANT, max_length=100, pattern=r"^(\*|[A-Za-z0-9._-]+)$")
    tool: str = Field(default="", max_length=200)
    """Empty: every tool."""

    @property
    def name(self) -> str:
        """What is held, under the tenant, while it is stopped."""
        return _TOOL + self.tool if self.tool else _ALL


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
