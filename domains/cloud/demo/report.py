"""What the demo shows at its end: a row a ticket, the key figures, what missed its expectation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from aivis.cli.timeline import short
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.judge import Verdict
from domains.cloud.lab.staging import StagedTicket


@dataclass(frozen=True)
class Row:
    """One ticket: what was wrong, what was done, how it ended."""

    ticket: StagedTicket
    case: Mapping[str, Any]
    verdict: Verdict
    actions: Sequence[Mapping[str, Any]]
    """Every tool call that finished."""
    seconds: float
    """From the ticket's arrival to its end or to the expert's queue."""

    @property
    def checks(self) -> int:
        return sum(action["purpose"] in ("check", "verify", "search") for action in self.actions)

    @property
    def missed(self) -> str:
        """Why the expectation is missed; empty when it is met."""
        if not self.verdict.as_expected:
            return f"the cloud: {self.verdict.state}: {'; '.join(self.verdict.reasons)}"
        wanted = {self.ticket.expectation, *self.ticket.also}
        ended = _end(self.case)
        if not any(ended in _ENDS[each] for each in wanted):
            return f"the case ended as {ended}, not as {' or '.join(sorted(wanted))}"
        return ""


_ENDS: dict[Expectation, frozenset[str]] = {
    Expectation.FIXED: frozenset({"fixed"}),
    Expectation.ASKED: frozenset({"fixed"}),
    Expectation.ANSWERED: frozenset({"answered"}),
    Expectation.FINDING: frozenset({"answered", "waiting-for-expert"}),
    Expectation.ESCALATED: frozenset({"waiting-for-expert", "expert"}),
    Expectation.APPROVAL: frozenset({"fixed", "waiting-for-expert"}),
}


def _end(case: Mapping[str, Any]) -> str:
    return str(case["outcome"] or case["status"])


def table(rows: Sequence[Row]) -> Table:
    found = Table(title="What became of the tickets (judged by the cloud's final state)", title_justify="left",
                  box=None, header_style="bold", expand=True)  # fmt: skip
    for name, ratio in (("ticket", 0), ("what was wrong", 5), ("what was done", 6)):
        found.add_column(name, ratio=ratio or None, no_wrap=not ratio, overflow="fold")
    for name in ("checks", "seconds", "outcome", "verdict"):
        found.add_column(name, justify="right" if name in ("checks", "seconds") else "left", no_wrap=True)
    for row in rows:
        verdict = Text("missed", style="bold red") if row.missed else Text("as expected", style="green")
        done = "; ".join(row.verdict.changes) or "nothing"
        found.add_row(row.ticket.ticket, row.ticket.trouble, short(done, 200), str(row.checks), f"{row.seconds:.1f}",
                      _end(row.case), verdict)  # fmt: skip
    return found
