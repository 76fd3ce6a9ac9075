"""What is wrong with a module: where, what, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass

from aivis.errors import Invalid


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend. `line` counts from 1; `field` is the path in the file, `remedies[0].with.port`."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field or '(file)'}: {self.message}"


def refuse(problems: Iterable[Problem]) -> None:
    """`Invalid` with every problem, one a line; nothing when there is none."""
    lines = [str(problem) for problem in sorted(problems)]
    if lines:
        raise Invalid("\n".join(lines))
