"""The board: every case with its class, plan, current step and outcome."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aivis.cli.timeline import klass, short

_FOREIGN = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)
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
    found.add_column("case", no_wrap=True)
    found.add_column("ticket", no_wrap=True, max_width=14)
    found.add_column("subject", ratio=3, no_wrap=True)
    found.add_column("class", no_wrap=True)
    found.add_column("plan", ratio=4, no_wrap=True)
    found.add_column("now", ratio=5, no_wrap=True)
    found.add_column("status", no_wrap=True)
    for case in cases:
        found.add_row(
            case["case"][:8],
            case["ticket"],
            short(case["subject"], 60),
            klass(case["classification"]),
            short("; ".join(case["subtasks"]), 90),
            short(case["step"], 110),
            Text(case["outcome"] or case["status"], style=_STATUS.get(case["status"], "")),
        )
    return found


def save_svg(console: Console, path: Path, title: str) -> None:
    """What a recording `console` printed, as a picture that asks no other host for its fonts."""
    text = _FOREIGN.sub("", console.export_svg(title=title))
    path.write_text(text.replace("Fira Code", "ui-monospace, Menlo, Consolas"), encoding="utf-8")
