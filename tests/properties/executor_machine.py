"""The executor with tools of every kind, crashes, lost answers, stops, people; the world counts what was done."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aivis import failpoints
from aivis.artifacts import ArtifactStore
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ActionRequested,
    ActionUnsettled,
    ApprovalDenied,
    ApprovalGranted,
    Autonomy,
    Origin,
    Settlement,
)
from aivis.events.envelope import Event, Payload
from aivis.events.timers import TimerDue
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key
from services.executor import answers, stops
from services.executor.catalogue import Catalogue
from services.executor.consumer import Executor
from services.executor.ledger import Entry, State
from services.executor.means import Bounds, Means
from services.executor.policy import Policies
from services.executor.ports import Call
from services.executor.preparing import Preparer
from services.executor.stopwatch import Stopwatch
from tests.properties.bench import Bench, Clock
from tests.properties.mailbox_machine import Place, seldom
from tests.properties.world import TOOLS, Mood, World
from tests.unit.services.executor.making import CASE, DEDUPES, LOOKUP, NEITHER, POLICIES, READ, request

R = TypeVar("R")
TENANTS = ("acme", "beta")
RESOURCES = ("r1", "r2")
_UNSETTLED = [State.INTENT.value, State.AMBIGUOUS.value]
POINTS = ("store.commit.before", "store.commit.after", "tools.call.before", "tools.call.after", "tools.lookup.after")
moods = st.lists(st.sampled_from([Mood.OK, Mood.LOST, Mood.LATE, *Mood]), max_size=3)
tools = st.sampled_from([DEDUPES.name, LOOKUP.name, NEITHER.name, *sorted(TOOLS)])
crashes = st.one_of(st.none(), st.none(), st.tuples(st.sampled_from(POINTS), st.integers(1, 3)))
"""A point, and the how manieth time at which the process dies there."""


async def executor(world: World, clock: Clock, folder: Path, store: Store) -> Executor:
    """A process's; its stopwatch is new."""
    artifacts, catalogue = ArtifactStore(folder), Catalogue([world])
    await catalogue.refresh()

    async def read(key: Key) -> bytes | None:
        snapshot = await store.read(key)
        return None if snapshot is None else snapshot.state

    async def holder(tenant: str, name: str) -> str | None:
        held = await store.holds(prefix=name)
        return next((key for whose, what, key in held if (whose, what) == (tenant, name)), None)

    means = Means(
        prepare=Preparer(catalogue, read, holder, artifacts, patience=0),
        policies=Policies(POLICIES, where="the test's policies"),
        artifacts=artifacts,
        autonomy=Autonomy.AUTOPILOT,
        bounds=Bounds(),
        clock=clock.elapsed,
        stopwatch=Stopwatch(clock.elapsed),
    )
    return Executor(means)


def action_of(event: Event) -> Key:
    return Key(event.tenant, getattr(event.data, "action", event.case))


class LedgerMachine(RuleBasedStateMachine):
    """Rules are what the reasoner, experts, operators, tools and bad luck do."""

    place: Place
    runner: asyncio.Runner
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock, self.barred)
        self.requests: dict[Key, Event] = {}
        self.told: dict[Key, list[Payload]] = {}
        self.words: dict[Key, list[ApprovalGranted]] = {}
        """What experts granted, as it was delivered."""
        self.denied: set[Key] = set()
        self.stopped: set[tuple[str, str]] = set()
        self.count = 0
        self.bench = Bench(
            self.place, self.clock, action_of, lambda store: executor(self.world, self.clock, self.folder, store)
        )
        self.run(self.bench.begin())

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(call)

    def event(self, data: Payload, key: Key, id: str = "") -> Event:
        self.count += 1
        return Event(
            id=id or f"event-{self.count}", type=data.TYPE, source="test", tenant=key.tenant, case=CASE,
            time=self.clock.now(), data=data,
        )  # fmt: skip

    def asked(self, which: int) -> Key:
        return [*self.requests][which % len(self.requests)]

    def request(self, key: Key) -> ActionRequested:
        data = self.requests[key].data
        assert isinstance(data, ActionRequested)
        return data

    def entry(self, key: Key) -> Entry | None:
        snapshot = self.run(self.bench.store.read(key))
        return None if snapshot is None or snapshot.state is None else Entry.load(snapshot.state)

    def barred(self, call: Call) -> str:
        """Why the world should not see this call."""
        key = Key(call.tenant, call.key)
        if call.tool == "test.forbidden":
            return "policy forbids it"
        if {(tenant, tool) for tenant in (call.tenant, "*") for tool in ("", call.tool)} & self.stopped:
            return "it is stopped"
        if Origin.TEXT in self.request(key).origins.values() and not self.word_counts(key):
            return "it has no approval of its own that counts"
        return ""

    def word_counts(self, key: Key) -> bool:
        request = self.request(key)
        digest = Entry.proposed(self.requests[key], request, self.clock.now()).digest
        return any(word.digest == digest and self.clock.now() < word.expires_at for word in self.words.get(key, ()))

    @rule(
        tenant=st.sampled_from(TENANTS),
        tool=tools,
        resource=st.sampled_from(RESOURCES),
        origin=st.sampled_from([Origin.TICKET, Origin.TICKET, Origin.TEXT]),
        moods=moods,
        crash=crashes,
    )
    def propose(
        self, *, tenant: str, tool: str, resource: str, origin: Origin, moods: list[Mood],
        crash: tuple[str, int] | None,
    ) -> None:  # fmt: skip
        """Ids are the same in both tenants."""
        number = sum(key.tenant == tenant for key in self.requests)
        key = Key(tenant, f"action-{number}")
        data = request(tool, action=key.name, arguments={"id": resource}, origins={"id": origin})
        self.requests[key] = self.event(data, key)
        self.run(self.bench.deliver(self.requests[key]))
        self.work(moods, crash)

    @rule(
        tool=tools, resource=st.sampled_from(RESOURCES), granted=st.booleans(), moods=moods, crash=crashes,
        seconds=st.sampled_from([1.0, 6.0, 16.0, 4_000.0]),
    )  # fmt: skip
    def propose_and_wait(
        self,
        *,
        tool: str,
        resource: str,
        granted: bool,
        moods: list[Mood],
        crash: tuple[str, int] | None,
        seconds: float,
    ) -> None:
        """The usual course."""
        origin = Origin.TEXT if granted else Origin.TICKET
        self.propose(tenant=TENANTS[0], tool=tool, resource=resource, origin=origin, moods=moods, crash=crash)
        if granted:
            self.grant(len(self.requests) - 1, 1, 5_000.0, 1, crash)
        self.pass_time(seconds)

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50), same=st.booleans())
    def propose_again(self, which: int, same: bool) -> None:
        key = self.asked(which)
        again = self.requests[key]
        self.run(self.bench.deliver(again if same else self.event(again.data, key)))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50))
    def propose_with_other_parameters(self, which: int) -> None:
        key = self.asked(which)
        data = self.request(key)
        other = data.model_copy(update={"arguments": {"id": "r3"}})
        self.run(self.bench.deliver(self.event(other, key)))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50), moods=moods, crash=crashes)
    def undo(self, which: int, moods: list[Mood], crash: tuple[str, int] | None) -> None:
        done = [key for key in self.requests if self.world.count(key)] or [*self.requests]
        undone = done[which % len(done)]
        data = self.request(undone)
        key = Key(undone.tenant, f"undo-{len(self.requests)}")
        update = {"action": key.name, "undoes": undone.name, "origins": {"id": Origin.TICKET}}
        self.requests[key] = self.event(data.model_copy(update=update), key)
        self.run(self.bench.deliver(self.requests[key]))
        self.work(moods, crash)

    @rule(moods=moods, crash=crashes)
    def work(self, moods: list[Mood], crash: tuple[str, int] | None) -> None:
        """A turn at every action that has something to do."""
        self.world.moods = [*moods]
        if crash is not None:
            failpoints.arm(crash[0], "crash", at=crash[1])
        try:
            told = self.run(self.bench.work())
        finally:
            failpoints.clear()
            self.world.moods = []
        self.hear(told)

    def hear(self, told: list[Event]) -> None:
        for event in told:
            if isinstance(event.data, ActionFinished | ActionFailed | ActionUnsettled):
                self.told.setdefault(action_of(event), []).append(event.data)

    @rule(seconds=st.sampled_from([1.0, 6.0, 16.0, 130.0, 700.0, 3_500.0, 30_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        self.work([], None)

    @rule()
    def the_process_ends(self) -> None:
        self.run(self.bench.die())

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50), name=st.sampled_from([answers.APPROVAL_TIMER, answers.LOOK_TIMER]))
    def a_timer_is_due(self, which: int, name: str) -> None:
        """In time, or not: the action knows."""
        key = self.asked(which)
        due = self.event(TimerDue(name=name), key)._replace(case=key.name)
        self.run(self.bench.deliver(due))

    @rule(tenant=st.sampled_from([*TENANTS, "*"]), tool=st.sampled_from(["", *sorted(TOOLS)]), on=seldom)
    def stop(self, tenant: str, tool: str, on: bool) -> None:
        name = stops.Stop(tenant=tenant, tool=tool).name
        if on:
            self.run(self.bench.store.hold(tenant, name, stops.HOLDER))
            self.stopped.add((tenant, tool))
        else:
            self.run(self.bench.store.unhold(tenant, name, stops.HOLDER))
            self.stopped.discard((tenant, tool))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50))
    def a_person_settles(self, which: int) -> None:
        """Truly: they have looked, when nothing was under way any more."""
        key = self.asked(which)
        if key in self.world.late or not any(isinstance(each, ActionUnsettled) for each in self.told.get(key, ())):
            return
        word = Settlement(action=key.name, expert="eva", happened=self.world.count(key) > 0)
        self.run(self.bench.deliver(self.event(word, key)))
        self.work([], None)

    @precondition(lambda self: self.requests)
    @rule(
        which=st.integers(0, 50),
        other=st.integers(0, 50),
        lasts=st.sampled_from([0.0, 10.0, 30_000.0]),
        times=st.integers(1, 2),
        crash=crashes,
    )
    def grant(self, which: int, other: int, lasts: float, times: int, crash: tuple[str, int] | None) -> None:
        """For the action or, when somebody mixes them up, for another's parameters; perhaps twice."""
        key, shown = self.asked(which), self.asked(other if other % 3 == 0 else which)
        digest = Entry.proposed(self.requests[shown], self.request(shown), self.clock.now()).digest
        expires = self.clock.now() + timedelta(seconds=lasts)
        word = ApprovalGranted(action=key.name, digest=digest, expert="eva", expires_at=expires)
        self.words.setdefault(key, []).append(word)
        self.run(self.bench.deliver(*[self.event(word, key) for _ in range(times)]))
        self.work([], crash)

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 50))
    def deny(self, which: int) -> None:
        key = self.asked(which)
        digest = Entry.proposed(self.requests[key], self.request(key), self.clock.now()).digest
        self.run(self.bench.deliver(self.event(ApprovalDenied(action=key.name, digest=digest, expert="bo"), key)))

    @invariant()
    def nothing_is_done_twice_or_against_the_rules(self) -> None:
        assert self.world.twice() == []
        assert self.world.wrong == []
        assert self.bench.bugs == []

    @invariant()
    def of_a_tenants_resource_one_effect_at_most_is_unsettled(self) -> None:
        for tenant in TENANTS:
            found = self.run(self.bench.store.find(tenant=tenant, labels=_UNSETTLED, limit=100))
            entries = [Entry.load(each.state) for each in found if each.state is not None]
            held = [entry.terms.resource for entry in entries if entry.terms is not None and entry.is_effect]
            assert len(held) == len(set(held)), held

    @invariant()
    def what_was_told_is_true(self) -> None:
        for key, told in self.told.items():
            if any(isinstance(each, ActionFinished) for each in told) and self.request(key).tool != READ.name:
                assert self.world.count(key) == 1, f"{key} was told as done"
            if any(isinstance(each, ActionFailed) for each in told):
                assert self.world.count(key) == 0, f"{key} was told as not done"
                assert key not in self.world.late

    def teardown(self) -> None:
        failpoints.clear()
        if hasattr(self, "bench"):
            try:
                self.rest()
            finally:
                self.run(self.bench.end())

    def rest(self) -> None:
        """In the end nobody waits in vain: everything is told, and is true."""
        self.run(self.bench.deliver(*self.requests.values()))
        for tenant, tool in [*self.stopped]:
            self.stop(tenant, tool, on=False)
        for _ in range(20):
            self.pass_time(1_000)
        for which in range(len(self.requests)):
            self.a_timer_is_due(which, answers.APPROVAL_TIMER)
            self.pass_time(30_000)
            self.a_timer_is_due(which, answers.APPROVAL_TIMER)
            self.work([], None)
            self.a_person_settles(which)
        for key in self.requests:
            entry = self.entry(key)
            assert entry is not None
            assert entry.over, f"{key} is {entry.state}"
            assert self.told.get(key), f"nothing was told of {key}"
        self.nothing_is_done_twice_or_against_the_rules()
        self.what_was_told_is_true()
