"""The whole stack, every process on its own, to be killed at any moment; and what must hold at the end."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from aivis import identity
from aivis.cli.children import Child, Children
from aivis.cli.client import Client
from aivis.cli.embedded import REGION, SERVICES, SOURCE, Run, broker, cloud, environment, plan, tool_server
from aivis.cli.real import service_process
from aivis.errors import AivisError
from domains.cloud.demo.handing_in import hand_in
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.judge import State, judge_all
from domains.cloud.lab.staging import StagedTicket, stage
from domains.cloud.lab.tickets import demo

ENDED = frozenset({"resolved", "closed"})
SOON = {
    "AIVIS_REASONER_REMIND_SECONDS": "2",
    "AIVIS_GATEWAY_ASK_AGAIN_SECONDS": "2",
    "AIVIS_EXECUTOR_RETRY_SECONDS": "0.5",
}
"""Asking again is a matter of seconds here, so that what is lost is missed soon."""

DOMAIN = Path("domains/cloud").resolve()


@dataclass(frozen=True)
class Kill:
    """A kill that was sent, and what was going on then."""

    name: str
    pid: int
    status: int
    """Exit status: minus the signal's number."""
    successor: int
    open: int
    """Cases handed in and not ended."""


@dataclass
class Stack:
    """All processes of a run."""

    run: Run
    client: Client
    programs: Mapping[str, Child]
    children: Children
    staged: list[StagedTicket] = field(default_factory=list)
    handed: list[StagedTicket] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)

    async def until_ready(self, names: Sequence[str] = SERVICES) -> None:
        until = time.monotonic() + 60
        for name in names:
            while not (answer := await asyncio.to_thread(self.client.ready, getattr(self.run, name)))["ready"]:
                assert time.monotonic() < until, f"{name} is not ready: {answer}\n{self.told()}"
                await asyncio.sleep(0.1)

    async def set_up(self, names: Sequence[str]) -> None:
        """Stage the demo's tickets of these ids, and break their worlds."""
        tickets = [ticket for ticket in demo() if ticket.ticket in names]
        assert len(tickets) == len(names)
        place = Endpoint(url=self.run.cloud, region=REGION)
        self.staged = await asyncio.to_thread(stage, place, self.run.tenant, tickets=tickets)

    async def hand_in(self, tickets: Sequence[StagedTicket]) -> None:
        """Hand in, again and again while the gateway is away: the same ticket twice is one ticket."""
        until = time.monotonic() + 30
        self.handed += tickets
        while True:
            try:
                await asyncio.to_thread(hand_in, self.client, tickets)
                return
            except AivisError:
                assert time.monotonic() < until, f"tickets cannot be handed in\n{self.told()}"
                await asyncio.sleep(0.3)

    async def kill(self, name: str) -> None:
        """SIGKILL `name`, and start it again at once with the same settings; the moment is kept in `kills`."""
        open_ = await self.open()
        process = self.children.process(name)
        assert process.returncode is None, f"{name} died by itself, with {process.returncode}\n{self.told()}"
        process.send_signal(signal.SIGKILL)
        status = await asyncio.wait_for(process.wait(), 10)
        await self.children.start(self.programs[name], seconds=40)
        self.kills.append(Kill(name, process.pid, status, self.children.pids[name], open_))

    async def cases(self) -> list[dict[str, Any]]:
        """Every case, or none while the reasoner is away."""
        try:
            return await asyncio.to_thread(self.client.cases)
        except AivisError:
            return []

    async def open(self) -> int:
        """How many of the tickets handed in have no end yet."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                cases = await asyncio.to_thread(self.client.cases)
            except AivisError:
                await asyncio.sleep(0.1)
                continue
            return len(self.handed) - sum(case["status"] in ENDED for case in cases)
        raise AssertionError(f"the reasoner does not answer\n{self.told()}")

    async def until_something_moves(self) -> None:
        """Until a case that has not ended has begun: what befalls the stack then hits work."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if any(case["status"] not in ENDED for case in await self.cases()):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"nothing moves\n{self.told()}")

    async def until_ended(self, *, seconds: float) -> None:
        """Until every case of a ticket handed in has ended; all there is to know when they do not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            cases = await self.cases()
            if len(cases) >= len(self.handed) and all(case["status"] in ENDED for case in cases):
                return
            await asyncio.sleep(0.3)
        raise AssertionError(f"not every case ends within {seconds} s\n{self.told()}")

    def events(self, case: str) -> list[dict[str, Any]]:
        """The whole log of `case`."""
        found: list[dict[str, Any]] = []
        while more := self.client.events(case, after=found[-1]["sequence"] if found else 0):
            found += more
        return found

    def check(self) -> None:
        """All tickets ended as they should, none of them twice."""
        assert len(self.handed) == len(self.staged)
        faults = [fault for ticket in self.staged for fault in self._faults(ticket)]
        mine = {self._case(ticket) for ticket in self.staged}
        strangers = [case for case in self.client.cases() if case["case"] not in mine]
        faults += [f"a case that no ticket asked for: {case}" for case in strangers]
        judgement = judge_all(self.staged)
        for name, verdict in judgement.verdicts.items():
            if not verdict.as_expected or verdict.state is State.HARMED:
                faults.append(f"{name}: the cloud is {verdict.state}: {verdict.reasons}; done: {verdict.changes}")
        faults += [f"changed, and belongs to no ticket: {stray}" for stray in judgement.strays]
        assert not faults, "\n".join([*faults, self.told()])

    def _case(self, ticket: StagedTicket) -> str:
        return identity.case_id(self.run.tenant, SOURCE, ticket.ticket)

    def _faults(self, ticket: StagedTicket) -> list[str]:
        name, events = ticket.ticket, self.events(self._case(ticket))
        types = [event["type"] for event in events]
        once = ("aivis.ticket.opened", "aivis.outcome.reached")
        faults = [f"{name}: {types.count(type_)} times {type_}" for type_ in once if types.count(type_) != 1]
        if [event["sequence"] for event in events] != list(range(1, len(events) + 1)):
            faults.append(f"{name}: the log has gaps: {[event['sequence'] for event in events]}")
        if len({event["id"] for event in events}) != len(events):
            faults.append(f"{name}: an event is in the log twice")
        asked = [action["action"] for event in events for action in event["data"].get("actions", ())]
        done = [event["data"]["action"] for event in events if event["type"] in _SETTLED]
        if sorted(asked) != sorted(done):
            faults.append(f"{name}: asked for {len(asked)} actions, and {len(done)} have an outcome")
        if escalated := types.count("aivis.case.escalated"):
            faults.append(f"{name}: handed to people {escalated} times, and was to be solved")
        return faults

    def told(self) -> str:
        """What a reader needs who was not there: kills, cases, depths, the ends of the logs."""
        lines = [f"kills: {self.kills}"]
        try:
            lines += [json.dumps({key: case[key] for key in ("ticket", "status", "owner", "step", "sequence")})
                      for case in self.client.cases()]  # fmt: skip
        except AivisError as error:
            lines.append(f"no cases: {error}")
        for name in SERVICES:
            lines += [f"{name}: {line}" for line in _depths(getattr(self.run, name))]
        for path in sorted(self.children.logs.glob("*.log")):
            lines.append(f"--- {path.name}\n{path.read_text(encoding='utf-8', errors='replace')[-1200:]}")
        return "\n".join(lines)


_SETTLED = frozenset(f"aivis.action.{end}" for end in ("finished", "failed"))


def _depths(base: str) -> list[str]:
    try:
        text = httpx.get(base + "/metrics", timeout=3).text
    except httpx.HTTPError as error:
        return [f"no metrics: {error}"]
    wanted = ("aivis_mailbox_inbox", "aivis_mailbox_outbox", "aivis_mailbox_keys", "aivis_mailbox_dead")
    return [line for line in text.splitlines() if line.startswith(wanted)]


@asynccontextmanager
async def whole_stack(folder: Path) -> AsyncIterator[Stack]:
    """Broker, cloud, tool server and the six services, each its own process, on loopback and SQLite."""
    run, ports = plan("acme", 0)
    variables = {**environment(run, ports, folder / "stack", DOMAIN), **SOON}
    children = Children(folder / "logs")
    programs = [broker(run), cloud(run), tool_server(run, variables)]
    programs += [service_process(name, ports, variables) for name in SERVICES]
    try:
        await children.start_all(programs)
        yield Stack(run, Client(run), {program.name: program for program in programs}, children)
    finally:
        await children.stop()
