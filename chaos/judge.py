"""What must hold once the faults are over: nothing lost, nothing done twice, all in order, every tenant apart."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aivis.errors import AivisError, NotFound
from aivis.events.escalations import AnswerGiven
from chaos.load import Ticket, tenant_of
from chaos.rack import lamps
from chaos.stack import Stack
from chaos.tape import Heard

_AT_REST = frozenset({"resolved", "closed", "waiting-for-expert"})
"""Ended, or with a person."""
_RESOLVED = frozenset({"resolved", "closed"})
_SETTLED = frozenset({"aivis.action.finished", "aivis.action.failed", "aivis.action.unsettled"})
_ONCE = ("aivis.ticket.opened", "aivis.outcome.reached")
_MOST = 500
"""Cases that a listing has at most."""
Case = dict[str, Any]


@dataclass
class Verdict:
    """How a row ended."""

    tickets: int = 0
    resolved: int = 0
    with_people: int = 0
    seconds: float = 0
    """Until everything was at rest, from the end of the faults."""
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Told as mended, and dark; or a log with a gap."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.disorder or self.crossed or self.wrong)

    @property
    def faults(self) -> list[str]:
        """All that is wrong, in words."""
        return [
            f"{what}: {each}"
            for what, found in (("lost", self.lost), ("twice", self.twice), ("out of order", self.disorder),
                                ("crossed", self.crossed), ("wrong", self.wrong))
            for each in found
        ]  # fmt: skip


async def converged(stack: Stack, tickets: Sequence[Ticket], *, seconds: float) -> tuple[dict[str, Case], float]:
    """The cases by id once all of `tickets` are at rest, or as they are after `seconds`; and how long it took."""
    start = time.monotonic()
    while True:
        cases = await _cases(stack, tickets)
        waiting = [ticket for ticket in tickets if cases.get(ticket.case, {}).get("status") not in _AT_REST]
        if not waiting or time.monotonic() - start > seconds:
            return cases, time.monotonic() - start
        await asyncio.sleep(0.5)


async def judge(stack: Stack, tickets: Sequence[Ticket], heard: Sequence[Heard], *, seconds: float) -> Verdict:
    """Wait for rest, at most `seconds`, and look at everything."""
    cases, took = await converged(stack, tickets, seconds=seconds)
    acts = lamps.read(stack.acts)
    status = {ticket: cases.get(ticket.case, {}).get("status", "") for ticket in tickets}
    verdict = Verdict(len(tickets), seconds=took)
    verdict.resolved = sum(each in _RESOLVED for each in status.values())
    verdict.with_people = sum(each == "waiting-for-expert" for each in status.values())
    verdict.lost = [f"{ticket.name} is {each or 'no case'}" for ticket, each in status.items() if each not in _AT_REST]
    verdict.twice = lamps.twice(acts)
    verdict.crossed = [f"{act.lamp}, by {act.tenant}" for act in acts if act.tenant != tenant_of(act.lamp)]
    verdict.crossed += await asyncio.to_thread(_listed_elsewhere, stack, tickets)
    verdict.disorder = disorder(heard)
    for ticket in tickets:
        verdict.wrong += await _wrong(stack, ticket, status[ticket], acts)
    return verdict


def disorder(heard: Sequence[Heard]) -> list[str]:
    """Cases of which an event was heard before an earlier one. What comes again counts when it first came."""
    first: dict[str, list[int]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    for event in heard:
        if (event.key, event.sequence) not in seen:
            seen.add((event.key, event.sequence))
            first[event.key].append(event.sequence)
    return [f"{key}: {places}" for key, places in first.items() if places != sorted(places)]


async def _cases(stack: Stack, tickets: Sequence[Ticket]) -> dict[str, Case]:
    found: dict[str, Case] = {}
    for tenant in stack.runs:
        wanted = [ticket for ticket in tickets if ticket.tenant == tenant]
        try:
            cases = await asyncio.to_thread(stack.client(tenant).cases, limit=_MOST)
            found |= {case["case"]: case for case in cases}
            for ticket in wanted:
                if len(cases) == 500 and ticket.case not in found:
                    found[ticket.case] = await asyncio.to_thread(stack.client(tenant).case, ticket.case)
        except NotFound:
            continue
        except AivisError:
            return found
    return found


def _listed_elsewhere(stack: Stack, tickets: Sequence[Ticket]) -> list[str]:
    """Cases that a tenant sees and that are another's."""
    return [
        f"{tenant} sees {case['ticket']}"
        for tenant in stack.runs
        for case in stack.client(tenant).cases(limit=_MOST)
        if case["case"] in {ticket.case for ticket in tickets if ticket.tenant != tenant}
    ]


async def _wrong(stack: Stack, ticket: Ticket, status: str, acts: Sequence[lamps.Act]) -> list[str]:
    """Gaps in the case's log, things in it twice, and what was told and is not so."""
    if not status:
        return []
    events = await asyncio.to_thread(_events, stack, ticket)
    types = Counter(event["type"] for event in events)
    faults = [f"{ticket.name}: {types[type_]} times {type_}" for type_ in _ONCE if types[type_] > 1]
    if [event["sequence"] for event in events] != list(range(1, len(events) + 1)):
        faults.append(f"{ticket.name}: the log has gaps")
    if len({event["id"] for event in events}) != len(events):
        faults.append(f"{ticket.name}: an event is in the log twice")
    asked = [action["action"] for event in events for action in event["data"].get("actions", ())]
    told = {event["data"]["action"] for event in events if event["type"] in _SETTLED}
    by_agent = status in _RESOLVED and not types[AnswerGiven.TYPE]
    if by_agent and (silent := set(asked) - told):
        faults.append(f"{ticket.name}: resolved, and {len(silent)} of its actions have no outcome")
    if by_agent and ticket.lamp and not _lit(ticket.lamp, acts):
        faults.append(f"{ticket.name}: resolved, and {ticket.lamp} is dark")
    return faults


def _events(stack: Stack, ticket: Ticket) -> list[dict[str, Any]]:
    client, found = stack.client(ticket.tenant), list[dict[str, Any]]()
    while more := client.events(ticket.case, after=found[-1]["sequence"] if found else 0):
        found += more
    return found


def _lit(lamp: str, acts: Sequence[lamps.Act]) -> bool:
    fault, _ = lamps.parts(lamp)
    done = [act.tool for act in acts if act.lamp == lamp]
    return fault == "lit" or bool(done and done[-1] == lamps.MENDS[fault])


def summary(verdict: Verdict) -> Mapping[str, object]:
    """The row's figures."""
    return {
        "tickets": verdict.tickets,
        "resolved": verdict.resolved,
        "with_people": verdict.with_people,
        "lost": len(verdict.lost),
        "twice": len(verdict.twice),
        "out_of_order": len(verdict.disorder),
        "crossed": len(verdict.crossed),
        "wrong": len(verdict.wrong),
        "seconds_to_converge": round(verdict.seconds, 1),
    }
