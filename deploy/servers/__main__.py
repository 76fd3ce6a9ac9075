"""`python -m deploy.servers up|down|status|env|remove [SERVER...]`."""

import argparse
import os
import sys

from deploy.servers import records
from deploy.servers.kafka import KAFKA
from deploy.servers.launches import Server
from deploy.servers.lifecycle import NotStarted, down, remove, up
from deploy.servers.places import Places, places
from deploy.servers.postgres import POSTGRES
from deploy.servers.prerequisites import Missing
from deploy.servers.prometheus import PROMETHEUS
from deploy.servers.records import Record
from deploy.servers.weaviate import WEAVIATE

SERVERS = (POSTGRES, KAFKA, WEAVIATE, PROMETHEUS)


def main() -> int:
    """Run one command; the exit status is 0, 1 if a server is not running, 2 if something must be installed first."""
    parser = argparse.ArgumentParser(prog="python -m deploy.servers", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "status", "env", "remove"))
    parser.add_argument("server", nargs="*", help=", ".join(server.name for server in SERVERS))
    given = parser.parse_args()
    try:
        chosen = _chosen(given.server)
        return _run(given.command, chosen, places(os.environ))
    except Missing as missing:
        print(f"Something must be installed first:\n{missing}", file=sys.stderr)
        return 2
    except (NotStarted, RuntimeError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what runs already stays: make servers-down ends it", file=sys.stderr)
        return 130


def _chosen(names: list[str]) -> list[Server]:
    known = {server.name: server for server in SERVERS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise NotStarted(f"no server is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(SERVERS)


def _run(command: str, servers: list[Server], where: Places) -> int:
    if command == "up":
        up(where, servers, SERVERS)
        return 0
    if command == "down":
        down(where, servers, SERVERS)
        return 0
    if command == "remove":
        remove(where, SERVERS)
        return 0
    if command == "env":
        return _env(where)
    return _status(where, servers)


def _env(where: Places) -> int:
    if not where.env.exists():
        print("no servers were started here: make servers", file=sys.stderr)
        return 1
    print(where.env.read_text(), end="")
    return 0


def _status(where: Places, servers: list[Server]) -> int:
    silent = 0
    for server in servers:
        record = records.running(where, server.name)
        silent += record is None and not server.optional
        print(f"{server.name:<10} {_describe(record)}")
    return 1 if silent else 0


def _describe(record: Record | None) -> str:
    if record is None:
        return "not running"
    return f"running   pid {record.process.pid}   ports {', '.join(map(str, record.ports))}"


sys.exit(main())
