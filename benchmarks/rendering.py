"""A run's figures as a table in the terminal, as JSON, and as docs/figures.md."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from benchmarks.figures import Figure, Verdict

_COLUMNS = ("figure", "stack", "value", "machine's own limit", "ratio", "must", "aim", "verdict", "note")
_COLOURS = {Verdict.AIM: "green", Verdict.MUST: "green", Verdict.MISSED: "bold red", Verdict.NONE: ""}
_INTRODUCTION = """\
# Figures

Speed and memory, written by `{command}` on {day}. Do not edit: run it again.

Machine: {machine}. Less is better. The machine's own limit is measured in the same run, in turn with the figure; what
it is stands in its column. CPU is CPU time of the process, so that other work on the machine spoils it least.
"""


@dataclass(frozen=True)
class Report:
    """One run."""

    command: str
    day: str
    machine: str
    figures: Sequence[Figure]

    def json(self) -> dict[str, Any]:
        figures = [{**asdict(each), "ratio": each.ratio, "verdict": each.verdict} for each in self.figures]
        return {"command": self.command, "day": self.day, "machine": self.machine, "figures": figures}


def report(command: str, now: datetime, figures: Sequence[Figure]) -> Report:
    return Report(command, f"{now:%Y-%m-%d}", _machine(), figures)


def table(figures: Sequence[Figure]) -> Table:
    """The figures for the terminal."""
    drawn = Table(title="Speed and memory; less is better", header_style="bold")
    for column in _COLUMNS[:-1]:
        drawn.add_column(column, justify="right" if column in {"value", "ratio", "must", "aim"} else "left")
    for figure in figures:
        *cells, verdict, note = _cells(figure)
        shown = f"[{colour}]{verdict}[/]" if (colour := _COLOURS[figure.verdict]) else verdict
        drawn.add_row(*cells, shown)
        if note:
            drawn.add_row(f"  [dim]{note}[/]")
    return drawn


def page(run: Report) -> str:
    """The figures as markdown."""
    rows = [_COLUMNS, ["---"] * len(_COLUMNS), *(_cells(figure) for figure in run.figures)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return _INTRODUCTION.format(**asdict(run)) + "\n" + "\n".join(lines) + "\n"


def _cells(figure: Figure) -> list[str]:
    """The row of `figure`, in the order of `_COLUMNS`."""
    by_ratio = figure.judged is not None
    unit = "x" if by_ratio else f" {figure.unit}"
    ratio = figure.judged if by_ratio else figure.ratio
    limit = "" if figure.limit is None else f"{_number(figure.limit)} {figure.unit} ({figure.limit_is})"
    return [
        figure.name,
        figure.stack,
        f"{_number(figure.value)} {figure.unit}",
        limit,
        "" if ratio is None else f"{ratio:.2f}",
        "" if figure.must is None else f"{figure.must:g}{unit}",
        "" if figure.aim is None else f"{figure.aim:g}{unit}",
        figure.verdict,
        figure.note,
    ]


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} x {_processor()}, {memory:.0f} GiB, Linux, Python {platform.python_version()}"


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
