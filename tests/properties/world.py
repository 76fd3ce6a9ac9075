"""Tools as they may be by their declarations, and a world that counts what was done in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from aivis import failpoints
from aivis.errors import Refused, Transient, Unknown
from aivis.toolkit.declaration import Repeat
from services.executor.ports import Became, Call, Declaration, Found, Undone
from tests.properties.bench import Clock
from tests.unit.services.executor.making import DEDUPES, DONE, FORBIDDEN, LOOKUP, NEITHER, READ

TOOLS = {tool.name: tool for tool in (READ, DEDUPES, LOOKUP, NEITHER, FORBIDDEN)}
UNDO = "undo of "
Identity = tuple[str, str]
"""Tenant and key of an effect."""


class Mood(StrEnum):
    """What comes of a call."""

    OK = "ok"
    LOST = "lost"
    """Done, and the answer never comes."""
    VANISHED = "vanished"
    """Not done, and no answer either."""
    LATE = "late"
    """No answer, and done at the last moment at which it may be."""
    BUSY = "busy"
    """Not done: try again."""
    NO = "no"
    """Not done: never."""
    DIES = "dies"
    """Done, and the executor is dead before the answer comes."""


@dataclass(frozen=True)
class Effect:
    who: Identity
    """Whose call did it."""
    once: Identity
    """What may be done once: the action, or the undoing of an action."""


@dataclass
class World:
    """Behind the port `ToolProvider`."""

    clock: Clock
    allowed: Callable[[Call], str]
    """Why an effect may not begin now; empty when it may."""
    address: str = "world"
    name: str = "the world"
    moods: list[Mood] = field(default_factory=list)
    """Of the next calls; when they are used up, all is well."""
    effects: list[Effect] = field(default_factory=list)
    late: dict[Identity, tuple[float, Effect]] = field(default_factory=dict)
    known: dict[Identity, float] = field(default_factory=dict)
    """When a tool that dedupes saw a key first."""
    asked: dict[Identity, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def pass_time(self, seconds: float) -> None:
        """What was late is done on the way."""
        until = self.clock.seconds + seconds
        for who, (due, effect) in [*self.late.items()]:
            if due <= until:
                del self.late[who]
                self.effects.append(effect)
        self.clock.seconds = until

    def count(self, who: Identity) -> int:
        return sum(effect.who == who for effect in self.effects)

    def twice(self) -> list[Effect]:
        things = [effect.once for effect in self.effects]
        return [effect for place, effect in enumerate(self.effects) if effect.once in things[:place]]

    async def declared(self) -> list[Declaration]:
        return [*TOOLS.values()]

    async def call(self, call: Call) -> bytes:
        return self._act(call, (call.tenant, call.key), repeats=TOOLS[call.tool].repeat is Repeat.DEDUPES)

    async def undo(self, call: Call, undone: Undone) -> bytes:
        """It puts back what was recorded before the effect: the same undo bears repeating."""
        return self._act(call, (call.tenant, UNDO + undone.key), repeats=True)

    def _act(self, call: Call, once: Identity, *, repeats: bool) -> bytes:
        with failpoints.around("tools.call"):
            mood = self.moods.pop(0) if self.moods else Mood.OK
            tool, who = TOOLS[call.tool], (call.tenant, call.key)
            if call.tool == READ.name:
                return _answer(mood)
            self._check(call, who)
            effect = Effect(who, once)
            if mood in (Mood.BUSY, Mood.NO, Mood.VANISHED):
                return _answer(mood)
            if mood is Mood.LATE:
                wait = tool.timeout + tool.settling_time - timedelta(seconds=0.001)
                if not (repeats and self._seen(who, tool)):
                    self.late[who] = self.clock.seconds + wait.total_seconds(), effect
            elif repeats and self._seen(who, tool):
                if who in self.late:
                    self.effects.append(self.late.pop(who)[1])
            else:
                self.effects.append(effect)
            if mood is Mood.DIES:
                failpoints.arm("world.dies", "crash")
                failpoints.reach("world.dies")
            return _answer(mood)

    def _check(self, call: Call, who: Identity) -> None:
        if why := self.allowed(call):
            self.wrong.append(f"{call.tool} of {who}: {why}")
        if self.asked.setdefault(who, call.arguments) != call.arguments:
            self.wrong.append(f"{who}: called with other parameters")
        if self.clock.seconds > call.by:
            self.wrong.append(f"{who}: sent when its time was over")

    def _seen(self, who: Identity, tool: Declaration) -> bool:
        """Whether the tool knows the key; it does from now on."""
        first = self.known.get(who)
        if first is not None and self.clock.seconds - first <= _window(tool):
            return True
        self.known[who] = self.clock.seconds
        return False

    async def lookup(self, call: Call) -> Found:
        with failpoints.around("tools.lookup"):
            mood = self.moods.pop(0) if self.moods else Mood.OK
            if mood is Mood.NO:
                return Found(Became.UNKNOWN)
            if mood is not Mood.OK:
                raise Transient("the lookup failed")
            done = self.count((call.tenant, call.key)) > 0
            return Found(Became.HAPPENED, DONE) if done else Found(Became.DID_NOT_HAPPEN)

    async def check(self) -> None: ...

    async def close(self) -> None: ...


def _window(tool: Declaration) -> float:
    """Seconds for which a key is known; an undo may be called again for an hour, whatever is declared."""
    return max(tool.dedupe_window.total_seconds(), 3_600)


def _answer(mood: Mood) -> bytes:
    if mood is Mood.BUSY:
        raise Transient("busy")
    if mood is Mood.NO:
        raise Refused("no")
    if mood is not Mood.OK:
        raise Unknown("no answer")
    return DONE
