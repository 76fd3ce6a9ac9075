"""The demo: tickets go in, the board shows what becomes of them, the judge has the last word."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from aivis.cli import board, figures, timeline
from aivis.cli.client import Client
from aivis.cli.embedded import REGION
from aivis.errors import Transient
from domains.cloud.demo import pictures, report
from domains.cloud.demo.expert import OPEN_TO_ALL, Expert, feedback, guided
from domains.cloud.demo.handing_in import follow_up, hand_in
from domains.cloud.demo.report import Row
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.judge import judge_all
from domains.cloud.lab.staging import StagedTicket, stage

LONGEST = 150.0
"""Seconds after which what has not ended is a miss."""
_QUIET = 4.0
"""Seconds without any change after which waiting cases are taken to be at rest."""
_READY = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")


@dataclass
class Play:
    """One performance."""

    client: Client
    console: Console
    stop: threading.Event
    pictures: Path | None = None
    """Folder for the board and a case's timeline as SVG."""
    begun: float = field(default_factory=time.monotonic)
    first_resolved: float | None = None

    def __call__(self) -> bool:
        """Play; True when every expectation is met."""
        with self.console.status("building the practice world and starting the services"):
            staged = stage(Endpoint(url=self.client.run.cloud, region=REGION), self.client.run.tenant)
            self._until_ready()
        tickets = hand_in(self.client, staged)
        self.console.print(
            f"{len(tickets)} tickets are handed in, {time.monotonic() - self.begun:.1f} s after the start"
        )
        expert = Expert(self.client, tickets)
        cases = self._watch(tickets, expert)
        return self._judge(tickets, cases, expert)

    def _until_ready(self) -> None:
        until = time.monotonic() + 60
        for name in _READY:
            while not (answer := self.client.ready(getattr(self.client.run, name)))["ready"]:
                if self.stop.is_set() or time.monotonic() > until:
                    raise Transient(f"{name} is not ready: {answer}")
                time.sleep(0.1)

    def _watch(self, tickets: Mapping[str, StagedTicket], expert: Expert) -> dict[str, Mapping[str, Any]]:
        """The board, until every case is at rest; customers and the expert act meanwhile."""
        answered: set[str] = set()
        seen: tuple[int, float] = (-1, time.monotonic())
        cases: dict[str, Mapping[str, Any]] = {}
        with Live(console=self.console, refresh_per_second=4) as live:
            while not self.stop.is_set():
                cases = {found["case"]: found for found in self.client.cases() if found["case"] in tickets}
                ordered = sorted(cases.values(), key=lambda case: str(case["ticket"]))
                live.update(board.table(ordered, title=self._title(cases, len(tickets))))
                self._customers(tickets, cases, answered)
                expert.act()
                progress = sum(case["sequence"] for case in cases.values())
                if progress != seen[0]:
                    seen = (progress, time.monotonic())
                if self._at_rest(cases, len(tickets), quiet=time.monotonic() - seen[1]):
                    break
                time.sleep(0.3)
        return cases

    def _customers(
        self, tickets: Mapping[str, StagedTicket], cases: Mapping[str, Mapping[str, Any]], answered: set[str]
    ) -> None:
        for id, case in cases.items():
            if case["status"] == "waiting-for-customer" and id not in answered and tickets[id].follow_up:
                answered.add(id)
                follow_up(self.client, tickets[id])

    def _at_rest(self, cases: Mapping[str, Mapping[str, Any]], all_: int, *, quiet: float) -> bool:
        if self.first_resolved is None and any(case["status"] == "resolved" for case in cases.values()):
            self.first_resolved = time.monotonic() - self.begun
        resting = {"resolved", "closed", "waiting-for-expert", "waiting-for-customer"}
        rest = len(cases) == all_ and all(case["status"] in resting for case in cases.values()) and quiet > _QUIET
        return rest or time.monotonic() - self.begun > LONGEST

    def _title(self, cases: Mapping[str, Mapping[str, Any]], all_: int) -> str:
        counts = {status: sum(case["status"] == status for case in cases.values()) for status in
                  ("working", "waiting-for-expert", "waiting-for-customer", "resolved")}  # fmt: skip
        said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return f"Aivis  {time.monotonic() - self.begun:5.1f} s  {len(cases)} of {all_} tickets: {said}"

    def _judge(
        self, tickets: Mapping[str, StagedTicket], cases: Mapping[str, Mapping[str, Any]], expert: Expert
    ) -> bool:
        staged = [guided(each) if each.ticket == OPEN_TO_ALL and expert.done.get(OPEN_TO_ALL) else each
                  for each in tickets.values()]  # fmt: skip
        judgement = judge_all(staged, approved={ticket for ticket, done in expert.done.items() if done == "approved"})
        rows = [
            self._row(id, ticket, cases[id], judgement.verdicts[ticket.ticket])
            for id, ticket in zip(tickets, staged, strict=True)
            if id in cases
        ]
        self.console.print(report.table(rows))
        self.console.print()
        self.console.print(figures.table(self.client.get(self.client.run.escalation, "/v1/figures")))
        self._show_expert(expert)
        missed = [f"{row.ticket.ticket}: {row.missed}" for row in rows if row.missed]
        missed += [f"{ticket.ticket}: no case" for id, ticket in tickets.items() if id not in cases]
        missed += [f"changed, and belongs to no ticket: {stray}" for stray in judgement.strays]
        missed += [] if len(expert.done) == 2 else [f"the expert was to act twice, and did: {expert.done}"]
        if self.pictures is not None:
            self._draw(self.pictures, rows)
        self._end(missed, len(tickets), cases)
        return not missed

    def _draw(self, folder: Path, rows: Sequence[Row]) -> None:
        shown = next(row.case["case"] for row in rows if row.ticket.ticket == pictures.CASE)
        pictures.draw(folder, [row.case for row in rows], self.client.events(shown))

    def _row(self, id: str, ticket: StagedTicket, case: Mapping[str, Any], verdict: Any) -> Row:
        events = self.client.events(id)
        asked = {each["action"]: each for event in events for each in event["data"].get("actions", ())}
        finished = [asked[event["data"]["action"]] for event in events if event["type"] == "aivis.action.finished"]
        return Row(ticket, case, verdict, finished, _seconds(events))

    def _show_expert(self, expert: Expert) -> None:
        self.console.print("\n[bold]The expert[/]")
        for ticket, done in expert.done.items():
            self.console.print(f"  {ticket}: {done}", highlight=False)
        for each in feedback(self.client):
            said = f": {timeline.short(each.text)}" if each.text else ""
            self.console.print(f"  on record: {each.kind} by {each.expert}{said}")

    def _end(self, missed: Sequence[str], count: int, cases: Mapping[str, Mapping[str, Any]]) -> None:
        first = "none" if self.first_resolved is None else f"{self.first_resolved:.1f} s"
        took = time.monotonic() - self.begun
        self.console.print(f"\nFirst resolved ticket {first} after the command, all at rest after {took:.1f} s.")
        self.console.print(
            "Where to look next: `aivis up --practice`, then aivis submit, case ID --follow, escalations; README.md"
        )
        for each in missed:
            self.console.print(f"[bold red]missed[/] {each}", highlight=False)
        verdict = f"{len(missed)} expectations missed" if missed else f"all {count} tickets ended as expected"
        self.console.print(f"\n[bold {'red' if missed else 'green'}]{verdict}[/]")


def _seconds(events: Sequence[Mapping[str, Any]]) -> float:
    """From the ticket to the last thing that happened in the case."""
    times = [datetime.fromisoformat(event["time"]) for event in events]
    return (times[-1] - times[0]).total_seconds() if times else 0.0
