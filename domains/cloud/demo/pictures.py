"""Pictures of a real run: the board, and one case's timeline, as SVG."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from aivis.cli import board, timeline

CASE = "T-107"
"""A case that says much in few lines: several checks, a remedy, a fresh look."""
_WIDTH = 150


def draw(folder: Path, cases: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> None:
    """Write `board.svg` with all `cases`, and `case.svg` with the log `events` of one."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "board.svg", "make demo", [board.table(cases)])
    told = [event for event in events if event["type"] != "aivis.status.changed"]
    _save(folder / "case.svg", f"aivis case {CASE}", [timeline.line(dict(event)) for event in told])


def _save(path: Path, title: str, parts: Sequence[RenderableType]) -> None:
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    for part in parts:
        console.print(part)
    board.save_svg(console, path, title)
