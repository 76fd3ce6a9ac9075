"""Where things are: the clone's own state, and the cache that all clones share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Places:
    """`state` holds data, logs and process records of this clone; `cache` what was fetched or built."""

    state: Path
    cache: Path

    def of(self, server: str) -> Path:
        """The folder of one server's data, log and record."""
        folder = self.state / server
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def env(self) -> Path:
        """The file of AIVIS_TEST_* addresses, one KEY=VALUE a line; readable by its owner alone."""
        return self.state / "env"


def places(environ: Mapping[str, str]) -> Places:
    """This clone's places; the cache follows XDG_CACHE_HOME."""
    cache = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Places(REPOSITORY / ".servers", cache / "aivis" / "servers")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` against other processes: two clones fetch once, two `up`s start once."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(handle, LOCK_EX)
        yield
    finally:
        os.close(handle)
