"""What every server says of itself, in one shape, so that the life cycle is written once."""

import hashlib
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.places import Places
from deploy.servers.processes import Command

Ports = tuple[int, ...]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Launch:
    """A server about to run: its command, how to tell that it is ready, and what tests need to reach it."""

    command: Command
    ready: Callable[[], bool]
    environment: Mapping[str, str]
    prepare: Callable[[], None] | None = None  # run once it is ready: roles, databases


@dataclass(frozen=True)
class Server:
    """One kind of server. `check` raises Missing; `fetch` fills the cache; both change nothing when all is there."""

    name: str
    ports: int
    check: Callable[[Places], None]
    fetch: Callable[[Places, Say], None]
    launch: Callable[[Places, Ports], Launch]
    ask: signal.Signals = signal.SIGTERM
    optional: bool = False
    forget: Callable[[Places], None] | None = None  # removes what it keeps outside the clone


def recipe(text: str) -> str:
    """A name for what `text` makes, so that a changed recipe does not meet what the old one left in the cache."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def whole(folder: Path) -> bool:
    """Whether a cache folder is there: folders are filled beside it and renamed, so half of one is never seen."""
    return folder.is_dir()
