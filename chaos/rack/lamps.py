"""Lamps, and the log of all that was ever done to them.

The log is the truth: it is only appended to, and what is under test never reads it.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from aivis.failpoints import around

_NAME = re.compile(r"lamp-(?P<fault>off|unplugged|blown|lit)(?:-(?P<mood>[a-z]+))?-(?P<number>\d+)")
MENDS = {"off": "rack.switch_on", "unplugged": "rack.plug_in", "blown": "rack.replace_bulb"}
"""What mends a lamp, by its fault."""


class Mood(StrEnum):
    """How the rack answers a call that changes a lamp."""

    KIND = ""
    LIES = "lies"
    """It says that it was done, and nothing was."""
    SLOW = "slow"
    HUGE = "huge"
    """The answer is larger than anybody takes."""
    GUARDED = "guarded"
    """Policy lets nothing be done to it without an expert's word; the rack itself does not care."""


BAD = (Mood.LIES, Mood.SLOW, Mood.HUGE)
"""Moods of the tool itself."""


@dataclass(frozen=True)
class Act:
    """Something done to a lamp: a line of the log."""

    key: str
    tenant: str
    tool: str
    lamp: str


class Log:
    """The append-only log in a file. One process writes it; it survives any end of it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.acts = read(path)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, act: Act) -> None:
        """Done for good when this returns."""
        with around("rack.act"):
            os.write(self._file, json.dumps(asdict(act)).encode() + b"\n")
            os.fsync(self._file)
        self.acts.append(act)

    def of_key(self, tenant: str, key: str) -> Act | None:
        return next((act for act in self.acts if (act.tenant, act.key) == (tenant, key)), None)

    def state(self, lamp: str) -> str:
        """`lit`, or the lamp's fault while nobody mended it."""
        fault = parts(lamp)[0]
        done = [act.tool for act in self.acts if act.lamp == lamp]
        return "lit" if done and done[-1] == MENDS.get(fault) else fault


def read(path: Path) -> list[Act]:
    """All acts in the log so far. A line cut short by a crash was never answered, and is none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Act(**json.loads(line)) for line in lines]


def parts(lamp: str) -> tuple[str, Mood]:
    """Fault and mood in a lamp's name; ValueError when it is none."""
    found = _NAME.fullmatch(lamp)
    if found is None:
        raise ValueError(f"{lamp!r} is no lamp: lamp-off-1, lamp-unplugged-2, lamp-blown-3, lamp-lit-4")
    return found["fault"], Mood(found["mood"] or "")


def twice(acts: Sequence[Act]) -> list[str]:
    """Lamps to which the same was done more than once."""
    seen: set[tuple[str, str]] = set()
    again = []
    for act in acts:
        if (act.lamp, act.tool) in seen:
            again.append(f"{act.tool} of {act.lamp} by {act.key}")
        seen.add((act.lamp, act.tool))
    return again
