"""The board: every case with its class, plan, current step and outcome."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from aivis.cli.timeline import klass, short

_STATUS = {
    "open": "dim",
    "working": "yellow",
    "waiting-for-customer": "cyan",
    "waiting-for-expert": "magenta",
    "resolved": "green",
    "closed": "dim",
}


def table(cases: Sequence[Mapping[str, Any]], *, title: str = "") -> Table:
    """One line a case: as `GET /v1/tenants/T/cases` lists them."""
    found = Table(title=title or None, expand=True, box=None, pad_edge=False, header_style="bold")
    found.add_column("ticket", no_wrap=True)
    found.add_column("subject", ratio=3, no_wrap=True)
    found.add_column("class", ratio=3, no_wrap=True)
    found.add_column("plan", ratio=4, no_wrap=True)
    found.add_column("now", ratio=5, no_wrap=True)
    found.add_column("status", no_wrap=True)
    for case in cases:
        found.add_row(
            case["ticket"],
            short(case["subject"], 60),
            klass(case["classification"]),
            short("; ".join(case["subtasks"]), 90),
            short(case["step"], 110),
            Text(case["outcome"] or case["status"], style=_STATUS.get(case["status"], "")),
        )
    return found
