"""The four key figures, each with how it is computed (services/escalation/figures.py says it in full)."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

_FIGURES = {
    "independent_resolution_rate": ("ended", "cases that ended without a person's part, of the cases that ended"),
    "adoption_rate": ("proposals", "of the agent's proposals that experts decided on, those they took"),
    "action_accuracy": (
        "actions",
        "of the remedies carried out or refused by the system, those that worked and were not undone",
    ),
    "tool_call_accuracy": (
        "tool_calls",
        "of the tool calls that ended, those with the right tool and arguments that succeeded",
    ),
}


def table(figures: Mapping[str, Any]) -> Table:
    """A row a figure: the share, the number that it is a share of, what it means."""
    found = Table(title="Key figures", title_justify="left", box=None, header_style="bold")
    for name in ("figure", "share", "of", "how it is computed"):
        found.add_column(name, justify="right" if name in ("share", "of") else "left", no_wrap=name == "figure")
    for name, (whole, says) in _FIGURES.items():
        share = "none yet" if figures[name] is None else f"{figures[name]:.0%}"
        found.add_row(name.replace("_", " "), share, str(figures[whole]), says)
    return found
