"""The desk's tool server: its one tool looks at a lamp. It costs what any tool server costs, and does nothing else."""

from datetime import timedelta

from pydantic import Field

from aivis.toolkit import Arguments, Call, Repeat, Result, Risk, ToolSet

tools = ToolSet[None]()


class Lamp(Arguments):
    """A lamp."""

    lamp: str = Field(pattern=r"^l\d{4}$")
    """Its number."""


class Seen(Result):
    """What there is to see."""

    plugged: bool
    """Whether it is plugged in."""


@tools.tool(name="desk.look", risk=Risk.READ, repeat=Repeat.DEDUPES, timeout=timedelta(seconds=5), owner="benchmarks")
async def look(arguments: Lamp, call: Call[None]) -> Seen:
    """Look at a lamp."""
    return Seen(plugged=False)
