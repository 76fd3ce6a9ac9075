"""What is written down of a running server, so that a later command finds it again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.servers.launches import Ports
from deploy.servers.places import Places
from deploy.servers.processes import Process, alive


@dataclass(frozen=True)
class Record:
    """A server that was started: its process, its ports, and the variables that tell tests where it is."""

    process: Process
    ports: Ports
    environment: Mapping[str, str]


def read(places: Places, server: str) -> Record | None:
    """The record of `server`, whether it still runs or not."""
    path = _path(places, server)
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    return Record(Process(**kept["process"]), tuple(kept["ports"]), kept["environment"])


def running(places: Places, server: str) -> Record | None:
    """The record of `server` if its process is alive."""
    record = read(places, server)
    return record if record and alive(record.process) else None


def write(places: Places, server: str, record: Record) -> None:
    """Keep `record`, for its owner's eyes: it holds a password."""
    _write_privately(_path(places, server), json.dumps(asdict(record), indent=1))


def write_env(places: Places, servers: Iterable[str]) -> None:
    """Write the addresses of the running servers to `.servers/env`, in a form that a shell can source."""
    found = [record for server in servers if (record := running(places, server))]
    lines = [f"{name}={value}\n" for record in found for name, value in record.environment.items()]
    _write_privately(places.env, "".join(lines))


def _path(places: Places, server: str) -> Path:
    return places.of(server) / "running.json"


def _write_privately(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
