"""Approvals: experts who press at once, twice or late, words that are replayed or forged, crashes before INTENT."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from aivis import topics
from aivis.access import fingerprint
from aivis.cli.client import Client
from aivis.errors import AivisError, Conflict
from aivis.events.actions import ApprovalGranted
from aivis.events.envelope import Event, Record, encode
from chaos.load import Load
from chaos.playing import under_load
from chaos.rack import lamps
from chaos.rack.lamps import Mood
from chaos.rows import kills
from chaos.rows.row import Landed, Outcome, Row
from chaos.stack import TENANTS, Opening, Stack

_ASKED_SECONDS = 15
"""How long an approval may be given."""
_FRESH_SECONDS = 8
"""What is left of that, at least, for a word that is to count."""
_PATIENCE_SECONDS = 30
_POINTS = ("store.receive.after", "store.commit.before", "tools.call.before")
"""The word is in the inbox; INTENT is about to be committed; it is."""
_RACES, _LATE = 4, 3
Asked = dict[str, Any]
"""An approval that waits, as experts see it."""


@dataclass
class Desk:
    """Two experts, and what they and others did."""

    stack: Stack
    experts: tuple[Client, Client]
    landed: Landed = field(default_factory=Landed)
    granted: set[str] = field(default_factory=set)
    """Actions that an expert allowed."""
    used: set[str] = field(default_factory=set)
    """Actions of which somebody made something."""

    async def strike(self) -> None:
        late = [asyncio.create_task(self._late()) for _ in range(_LATE)]
        for _ in range(_RACES):
            await self._try("one approves and one denies at once", self._race)
        await self._try("one presses twice", self._double)
        for point in _POINTS:
            await self._killed(point)
        await self._try("a word comes again, and is put on other actions", self._replayed)
        await asyncio.gather(*late)

    async def _try(self, name: str, play: Any) -> None:
        """Until it lands: whoever answers the case meanwhile, or the clock, may spoil it."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            if await play(await self._asked()):
                self.landed.faults.append(name)
                return
        self.landed.missing.append(name)

    async def _asked(self) -> Asked:
        """An approval that nobody has touched, and that lasts long enough."""
        while True:
            found = await asyncio.to_thread(self.experts[0].get, self.stack.run.escalation, "/v1/approvals", limit=500)
            waiting: list[Asked] = found["approvals"]
            for asked in waiting:
                left = datetime.fromisoformat(asked["expires_at"]) - datetime.now(UTC)
                if asked["action"] not in self.used and left > timedelta(seconds=_FRESH_SECONDS):
                    self.used.add(asked["action"])
                    return asked
            await asyncio.sleep(0.2)

    async def _press(self, expert: int, verb: str, asked: Asked) -> dict[str, Any] | AivisError:
        client, path = self.experts[expert], f"/v1/approvals/{asked['action']}/{verb}"
        if verb == "approve":
            self.granted.add(asked["action"])  # taken back when it is known that it did not count
        body = {"digest": asked["digest"]}
        try:
            answer: dict[str, Any] = await asyncio.to_thread(client.post, self.stack.run.escalation, path, body)
        except AivisError as error:
            return error
        return answer

    async def _race(self, asked: Asked) -> bool:
        yes, no = await asyncio.gather(self._press(0, "approve", asked), self._press(1, "deny", asked))
        won, lost = (0, no) if isinstance(yes, dict) else (1, yes)
        if isinstance(yes, Conflict):
            self.granted.discard(asked["action"])
        if isinstance(yes, AivisError) and isinstance(no, AivisError):
            return False
        name = self.experts[won].run.expert
        if not isinstance(lost, Conflict) or name not in str(lost):
            self.landed.wrong.append(f"{asked['action']}: {name} decided, and the other was told {lost}")
        return True

    async def _double(self, asked: Asked) -> bool:
        answers = await asyncio.gather(*[self._press(0, "approve", asked) for _ in range(2)])
        answers.append(await self._press(0, "approve", asked))
        done = [answer for answer in answers if isinstance(answer, dict)]
        if not done:
            self.granted.discard(asked["action"])
        return bool(done)

    async def _late(self) -> None:
        asked = await self._asked()
        expires = datetime.fromisoformat(asked["expires_at"])
        await asyncio.sleep((expires - datetime.now(UTC)).total_seconds() + 0.5)
        answer = await self._press(0, "approve", asked)
        if isinstance(answer, Conflict):
            self.granted.discard(asked["action"])
        told = isinstance(answer, Conflict) and any(word in str(answer) for word in ("expired", "has ended"))
        (self.landed.faults if told else self.landed.wrong).append(f"pressed late: {'told so' if told else answer}")

    async def _killed(self, point: str) -> None:
        """The word comes while the executor is away; its successor dies over it."""
        asked = await self._asked()
        await self.stack.kill("executor")
        await self._press(0, "approve", asked)
        await self.stack.start("executor", failpoints=f"{point}=kill")
        died = await kills.died(self.stack, "executor", point)
        (self.landed.faults if died else self.landed.missing).append(f"executor: killed at {point} over an approval")
        await self.stack.kill("executor")
        await self.stack.start("executor")

    async def _replayed(self, asked: Asked) -> bool:
        """The word for one action again, and under other ids; then on another action, and in another tenant."""
        answer = await self._press(0, "approve", asked)
        if isinstance(answer, AivisError):
            self.granted.discard(asked["action"])
            return False
        other = await self._asked()
        heard = await _heard(self.stack.run.kafka, answer["command"])
        forged = [
            _word(asked, asked, tenant=asked["tenant"]),
            _word(other, asked, tenant=other["tenant"]),
            _word(other, other, tenant=next(tenant for tenant in TENANTS if tenant != other["tenant"])),
        ]
        await _publish(self.stack.run.kafka, [*heard, *heard, *forged])
        return bool(heard)


async def strike(stack: Stack, load: Load) -> Desk:
    """Let only guarded lamps break, and two experts see to them."""
    other = replace(stack.run, expert="bo", expert_key=token_urlsafe(24))
    stack.programs = {**stack.programs, **_changed(stack, other.expert_key)}
    for name in ("executor", "escalation"):
        await stack.kill(name)
        await stack.start(name)
    await stack.until_ready()
    desk = Desk(stack, (stack.client(TENANTS[0]), Client(other)))
    load.moods = (Mood.GUARDED,)
    await desk.strike()
    load.moods = (Mood.KIND,)
    return desk


def _changed(stack: Stack, key: str) -> dict[str, Any]:
    """The programs with a second expert, and with approvals that expire soon."""
    executor, escalation = stack.programs["executor"], stack.programs["escalation"]
    keys = orjson.loads(escalation.environment["AIVIS_ESCALATION_KEYS"])
    keys.append({**keys[0], "name": "bo", "sha256": fingerprint(key)})
    soon = {"AIVIS_EXECUTOR_APPROVAL_SECONDS": str(_ASKED_SECONDS), "AIVIS_EXECUTOR_REASK_SECONDS": "2"}
    known = {"AIVIS_ESCALATION_KEYS": orjson.dumps(keys).decode()}
    return {
        "executor": replace(executor, environment={**executor.environment, **soon}),
        "escalation": replace(escalation, environment={**escalation.environment, **known}),
    }


def _word(about: Asked, shown: Asked, *, tenant: str) -> Record:
    """An approval of the action `about` that carries the digest of `shown`."""
    data = ApprovalGranted(
        action=about["action"], digest=shown["digest"], expert="bo", expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    event = Event(
        id=f"forged-{token_urlsafe(8)}", type=data.TYPE, source="escalation", tenant=tenant, case=about["case"],
        time=datetime.now(UTC), data=data,
    )  # fmt: skip
    return encode(event, topics.APPROVALS.name)


async def _heard(kafka: str, command: str) -> list[Record]:
    """The word as it is on the topic."""
    name = topics.APPROVALS.name
    consumer = AIOKafkaConsumer(name, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[Record] = []
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not found and time.monotonic() < until:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [
                    Record(name, each.key, tuple(each.headers), each.value)
                    for each in records
                    if dict(each.headers).get("ce_id") == command.encode()
                ]
    finally:
        await consumer.stop()
    return found


async def _publish(kafka: str, records: Sequence[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for each in records:
            await producer.send_and_wait(each.topic, each.value, key=each.key, headers=list(each.headers))
    finally:
        await producer.stop()


def unapproved(acts: Sequence[lamps.Act], granted: set[str]) -> list[str]:
    """What was done to guarded lamps without an approval of its own."""
    guarded = [act for act in acts if lamps.parts(act.lamp)[1] is Mood.GUARDED]
    return [f"{act.tool} of {act.lamp} without an approval of its own" for act in guarded if act.key not in granted]


async def play(folder: Path, seed: int, opening: Opening) -> Outcome:
    """As every row, and then the rack's log beside what experts allowed."""
    desks: list[Desk] = []

    async def landed(stack: Stack, load: Load) -> Landed:
        desks.append(await strike(stack, load))
        return desks[0].landed

    outcome = await under_load(landed)(folder, seed, opening)
    acts = lamps.read(folder / "acts.jsonl")
    outcome.verdict.wrong += unapproved(acts, desks[0].granted)
    if not any(act.key in desks[0].granted for act in acts):
        outcome.landed.missing.append("an approval that led to an effect")
    return outcome


ROW = Row("approvals", "experts press at once, twice, late; words are replayed and forged; crashes before INTENT", play)
