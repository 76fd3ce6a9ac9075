"""Actions, tools, turns and a tool server that is none, for the executor's tests."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from aivis import identity
from aivis.artifacts import ArtifactStore
from aivis.errors import AivisError, Conflict, Refused
from aivis.events.actions import (
    ActionRequested,
    ApprovalDenied,
    ApprovalGranted,
    Autonomy,
    Origin,
    Purpose,
    Settlement,
)
from aivis.events.envelope import Event, Head, Payload
from aivis.events.timers import TimerDue
from aivis.mailbox.turn import Frozen, NotYet, Turn
from aivis.mailbox.values import Key, Restoration, Step, Window
from aivis.toolkit.declaration import Repeat, Risk
from services.executor.catalogue import Catalogue
from services.executor.consumer import Executor
from services.executor.ledger import Entry, State, Terms
from services.executor.means import Bounds, Means
from services.executor.policy import Policies
from services.executor.ports import Call, Declaration, Found, Undone
from services.executor.preparing import Preparer
from services.executor.stopwatch import Stopwatch

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TENANT = "acme"
CASE = identity.derived("case-of-the-test")
ACTION = identity.derived("action-of-the-test")
POLICIES = """
permit (principal, action, resource);
@reason("an argument comes from free text")
forbid (principal, action, resource) when { context.risk != "read" && context.origins.contains("text") }
unless { context.approved };
@reason("never")
forbid (principal, action == Action::"test.forbidden", resource);
"""
_CLOSED = {"type": "object", "additionalProperties": False}
ARGUMENTS = orjson.dumps({**_CLOSED, "properties": {"id": {"type": "string"}}, "required": ["id"]}).decode()
RESULT = orjson.dumps({**_CLOSED, "properties": {"done": {"type": "boolean"}}, "required": ["done"]}).decode()
DONE = b'{"done": true}'

READ = Declaration(
    name="test.read",
    description="Reads.",
    arguments_schema=ARGUMENTS,
    result_schema=RESULT,
    risk=Risk.READ,
    repeat=Repeat.DEDUPES,
    timeout=timedelta(seconds=5),
    dedupe_window=timedelta(0),
    settling_time=timedelta(0),
    undoable=False,
    owner="the test",
    resource_argument="",
    version="1",
)
DEDUPES = replace(
    READ,
    name="test.dedupes",
    risk=Risk.REVERSIBLE,
    dedupe_window=timedelta(hours=1),
    resource_argument="id",
    undoable=True,
)
LOOKUP = replace(
    DEDUPES, name="test.lookup", repeat=Repeat.LOOKUP, dedupe_window=timedelta(0), settling_time=timedelta(seconds=10)
)
NEITHER = replace(DEDUPES, name="test.neither", repeat=Repeat.NEITHER, dedupe_window=timedelta(0))
FORBIDDEN = replace(DEDUPES, name="test.forbidden")


def request(tool: str = "test.dedupes", **changes: Any) -> ActionRequested:
    fields: dict[str, Any] = {
        "action": ACTION, "subtask": "s1", "agent": "diagnostic", "tool": tool, "arguments": {"id": "i-1"},
        "origins": {"id": Origin.TICKET}, "purpose": Purpose.REMEDY, "customer": "c-1",
    }  # fmt: skip
    return ActionRequested(**{**fields, **changes})


def event(data: Payload, *, id: str = "", tenant: str = TENANT, case: str = CASE) -> Event:
    body = data.model_dump_json()
    return Event(
        id=id or identity.derived(data.TYPE, body),
        type=data.TYPE,
        source="test",
        tenant=tenant,
        case=case,
        time=START,
        data=data,
    )


def entry(tool: str = "test.dedupes", **changes: Any) -> Entry:
    asked = request(tool, **changes)
    return Entry.proposed(event(asked), asked, START)


def grant(digest: str, *, expires_at: datetime = START + timedelta(days=1), id: str = "") -> Event:
    return event(ApprovalGranted(action=ACTION, digest=digest, expert="eva", expires_at=expires_at), id=id)


def denial(digest: str) -> Event:
    return event(ApprovalDenied(action=ACTION, digest=digest, expert="eva", reason="too risky"))


def settlement(*, happened: bool) -> Event:
    return event(Settlement(action=ACTION, expert="eva", happened=happened, note="seen in the console"))


def timer(name: str) -> Event:
    return event(TimerDue(name=name), case=ACTION)


@dataclass
class FakeTools:
    """The fake behind the port `ToolProvider`: answers are set beforehand, calls are kept."""

    tools: list[Declaration] = field(default_factory=lambda: [READ, DEDUPES, LOOKUP, NEITHER, FORBIDDEN])
    address: str = "fake"
    name: str = "fake tool server"
    answers: list[bytes | AivisError] = field(default_factory=list)
    """What the next calls bring; when they are used up, `DONE`."""
    found: list[Found | AivisError] = field(default_factory=list)
    down: AivisError | None = None
    calls: list[Call] = field(default_factory=list)
    undos: list[Undone] = field(default_factory=list)
    lookups: int = 0
    during: Callable[[], None] = lambda: None
    """Called in the middle of each call."""

    async def declared(self) -> list[Declaration]:
        if self.down is not None:
            raise self.down
        return self.tools

    async def call(self, call: Call) -> bytes:
        self.calls.append(call)
        self.during()
        answer = self.answers.pop(0) if self.answers else DONE
        if isinstance(answer, AivisError):
            raise answer
        return answer

    async def lookup(self, call: Call) -> Found:
        self.lookups += 1
        found = self.found.pop(0)
        if isinstance(found, AivisError):
            raise found
        return found

    async def undo(self, call: Call, undone: Undone) -> bytes:
        self.undos.append(undone)
        return await self.call(call)

    async def check(self) -> None: ...

    async def close(self) -> None: ...


@dataclass
class Desk:
    """The executor at work on actions, with time, ledger and names in memory: what the mailbox does, in one process."""

    executor: Executor
    now: datetime = START
    since_boot: float = 1_000
    states: dict[Key, tuple[bytes | None, str]] = field(default_factory=dict)
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    published: list[Payload] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    timers: dict[str, timedelta] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    attempts: int = 0
    windows: list[Window] = field(default_factory=list)
    restored: Restoration | None = None

    async def turn(self, *events: Event, action: str = ACTION) -> str:
        """One turn with `events`; the state after it."""
        turn = self._turn(Key(events[0].tenant, action), events)
        self._apply(turn, await self.executor.handle(turn))
        return self.label(action)

    async def until_over(self, *events: Event, pause: float = 1) -> str:
        """Turns with the same events, `pause` seconds apart, until one ends."""
        for _ in range(100):
            try:
                return await self.turn(*events)
            except NotYet:
                self.pass_time(pause)
        raise AssertionError("no end in 100 turns")

    def give_up(self, *events: Event, reason: str = "bug") -> str:
        turn = self._turn(Key(events[0].tenant, ACTION), events)
        self._apply(turn, self.executor.give_up(turn, reason))
        return self.label()

    def give_up_unread(self, *heads: Head) -> str:
        turn = self._turn(Key(heads[0].tenant, ACTION), ())
        turn.unread = heads
        self._apply(turn, self.executor.give_up(turn, "not JSON"))
        return self.label()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.since_boot += seconds

    def label(self, action: str = ACTION, tenant: str = TENANT) -> str:
        return self.states.get(Key(tenant, action), (None, ""))[1]

    def entry(self, action: str = ACTION) -> Entry:
        state = self.states[Key(TENANT, action)][0]
        assert state is not None
        return Entry.load(state)

    async def read(self, key: Key) -> bytes | None:
        return self.states.get(key, (None, ""))[0]

    def _turn(self, key: Key, events: tuple[Event, ...]) -> Turn:
        async def keep(turn: Turn, step: Step) -> None:
            self._apply(turn, step)
            turn.state = turn.state if step.state is None else step.state
            turn.label = turn.label if step.label is None else step.label

        state, label = self.states.get(key, (None, ""))
        return Turn(key, state, label, 0, self.attempts, events, lambda: self.now, keep, restored=self.restored)

    def _apply(self, turn: Turn, step: Step) -> None:
        tenant, holder = turn.key
        for name in step.unless:
            if (tenant, name) in self.holds or ("*", name) in self.holds:
                raise Refused(name)
        for window in self.windows:
            if window.hold in step.unless and window.begins and window.begins <= self.now < window.ends:
                raise Frozen("frozen", window=window)
        for name in step.take:
            if self.holds.get((tenant, name), holder) != holder:
                raise Conflict(name)
        self.holds.update({(tenant, name): holder for name in step.take})
        for name in step.free:
            if self.holds.get((tenant, name)) == holder:
                del self.holds[tenant, name]
        state, label = self.states.get(turn.key, (None, ""))
        self.states[turn.key] = (step.state or state, step.label or label)
        self.labels.append(self.states[turn.key][1])
        self.events += [outgoing.event for outgoing in step.publish]
        self.published += [outgoing.event.data for outgoing in step.publish]
        for each in step.timers:
            self.timers.pop(each.name, None)
            if each.after is not None:
                self.timers[each.name] = each.after


async def desk(
    tools: FakeTools,
    folder: Path,
    *,
    policies: str = POLICIES,
    autonomy: Autonomy = Autonomy.AUTOPILOT,
    bounds: Bounds | None = None,
) -> Desk:
    """An executor whose only tools are `tools`, ready to work."""
    catalogue = Catalogue([tools])
    await catalogue.refresh()
    artifacts = ArtifactStore(folder)

    async def read(key: Key) -> bytes | None:
        return await made.read(key)

    async def holder(tenant: str, name: str) -> str | None:
        return made.holds.get((tenant, name))

    means = Means(
        prepare=Preparer(catalogue, read, holder, artifacts, patience=0),
        policies=Policies(policies, where="the test's policies"),
        artifacts=artifacts,
        autonomy=autonomy,
        bounds=bounds or Bounds(),
        clock=lambda: made.since_boot,
        stopwatch=Stopwatch(lambda: made.since_boot),
    )
    made = Desk(Executor(means))
    return made


def waiting(entry: Entry) -> Entry:
    """`entry`, as it waits for an approval that expires in eight hours."""
    return entry.waiting(_terms(entry), "because", START + timedelta(hours=8))


def approved(entry: Entry) -> Entry:
    return entry.approved(_terms(entry))


def _terms(entry: Entry) -> Terms:
    declared = next(each for each in (READ, DEDUPES, LOOKUP, NEITHER) if each.name == entry.request.tool)
    assert declared.risk is not None
    assert declared.repeat is not None
    return Terms(
        version=declared.version,
        risk=declared.risk,
        repeat=declared.repeat,
        timeout=declared.timeout,
        dedupe_window=declared.dedupe_window,
        settling_time=declared.settling_time,
        resource="i-1" if declared.risk is not Risk.READ else "",
    )


def in_intent(tool: str, *, called: datetime = START) -> Entry:
    """An entry as a crash leaves it behind."""
    found = approved(entry(tool)).intended(called)
    assert found.state is State.INTENT
    return found


TEXT = {"id": Origin.TEXT}


def crashed(at: Desk, tool: str) -> None:
    """Leave the action as a crash does: a call was about to be made, or was made."""
    found = in_intent(tool)
    at.states[Key(TENANT, ACTION)] = (found.dump(), found.state.value)
    at.holds[TENANT, "resource:i-1"] = ACTION


def last(at: Desk) -> Any:
    """What was told last."""
    return at.published[-1]
