"""Up and down, the same for every server: check, fetch, start, wait, write down; and end what was written down."""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.servers import ports, records
from deploy.servers.launches import Launch, Ports, Server
from deploy.servers.places import Places, locked
from deploy.servers.prerequisites import Missing
from deploy.servers.processes import Process, alive, stop
from deploy.servers.records import Record

_READY_WITHIN = 90.0  # seconds; the slowest, Kafka, takes 7 on an idle machine
_END_WITHIN = 30.0
_TRIES = 3  # another process may take a port between choosing and binding it


class NotStarted(Exception):
    """A server ended or stayed silent; the message holds the end of its log."""


def up(places: Places, servers: Sequence[Server], everything: Sequence[Server]) -> None:
    """Start those of `servers` that do not run; raise Missing, naming all that is missing, before anything starts."""
    wanted = _check(places, servers)
    with locked(places.state):
        for server in wanted:
            record = records.running(places, server.name)
            if record is None:
                record = _bring_up(places, server)
                records.write(places, server.name, record)
            records.write_env(places, [one.name for one in everything])
            say(server, f"running, pid {record.process.pid}, port {record.ports[0]}")


def down(places: Places, servers: Sequence[Server], everything: Sequence[Server]) -> None:
    """End the processes on record, and none besides; data and logs stay."""
    with locked(places.state):
        for server in reversed(servers):
            record = records.running(places, server.name)
            if record is not None:
                asked = stop(record.process, ask=server.ask, seconds=_END_WITHIN)
                say(server, "ended" if asked else "killed: it did not end when asked")
        records.write_env(places, [one.name for one in everything])


def remove(places: Places, everything: Sequence[Server]) -> None:
    """End every server and delete its data; the cache stays, for other clones."""
    down(places, everything, everything)
    for server in everything:
        if server.forget is not None:
            server.forget(places)
    shutil.rmtree(places.state)


def say(server: Server, text: str) -> None:
    """Tell progress, apart from what a command prints for others to read."""
    print(f"{server.name:<10} {text}", file=sys.stderr, flush=True)


def _check(places: Places, servers: Sequence[Server]) -> list[Server]:
    wanted, missing = [], []
    for server in servers:
        try:
            server.check(places)
            wanted.append(server)
        except Missing as reason:
            if server.optional:
                say(server, f"left out: {reason}")
            else:
                missing.append(str(reason))
    if missing:
        raise Missing("\n".join(missing))
    return wanted


def _bring_up(places: Places, server: Server) -> Record:
    with locked(places.cache):
        server.fetch(places, lambda text: say(server, text))
    for attempt in range(_TRIES):
        chosen = _ports(places, server, again=attempt > 0)
        try:
            return _start(places, server, chosen)
        except NotStarted:
            if attempt + 1 == _TRIES or ports.available(chosen):
                raise
    raise AssertionError("unreachable")


def _start(places: Places, server: Server, chosen: Ports) -> Record:
    """Start on `chosen` and wait; whatever goes wrong, a Ctrl-C among it, leaves no process that is not on record."""
    say(server, "starting")
    launch = server.launch(places, chosen)
    process = launch.command.start(_log(places, server))
    ready = False
    try:
        _wait(launch, process)
        if launch.prepare is not None:
            launch.prepare()
        ready = True
    except NotStarted as reason:
        raise NotStarted(_explain(places, server, str(reason))) from None
    finally:
        if not ready:
            stop(process, ask=server.ask, seconds=_END_WITHIN)
    return Record(process, chosen, launch.environment)


def _ports(places: Places, server: Server, *, again: bool) -> Ports:
    """The ports of last time if they are still to be had, so that addresses survive a restart; else new ones."""
    last = records.read(places, server.name)
    if last and not again and ports.available(last.ports):
        return last.ports
    return ports.free(server.ports)


def _wait(launch: Launch, process: Process) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not launch.ready():
        if not alive(process):
            raise NotStarted("it ended by itself")
        if time.monotonic() > deadline:
            raise NotStarted(f"it did not answer within {_READY_WITHIN:.0f} s")
        time.sleep(0.2)


def _log(places: Places, server: Server) -> Path:
    return places.of(server.name) / "log"


def _explain(places: Places, server: Server, reason: str) -> str:
    log = _log(places, server)
    end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    return f"{server.name} did not start: {reason}. The end of {log}:\n{end}"
