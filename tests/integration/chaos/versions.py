"""Two versions of the code: the one before, as git has it, and the present one with one migration more in every store.

Each runs from a folder of its own, with settings as it makes them itself. A process that is replaced is ended by
SIGTERM, and its successor starts on the same database.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from aivis.cli.children import Child
from aivis.cli.embedded import SERVICES, Run, tool_server
from aivis.cli.real import service_process
from aivis.migrations.numbered import read
from tests.contract import history
from tests.integration.chaos.chaos import SOON, Stack

PLANTED = "of_a_later_version"
"""What the migration of the later version adds to every table, and is called."""

_ENVIRONMENT = """
import importlib, json, sys
from dataclasses import fields
from pathlib import Path
from aivis.cli.embedded import SERVICES, Run, environment
run, ports, folder, domain = json.load(sys.stdin)
known = {field.name for field in fields(Run)}
run = Run(**{name: value for name, value in run.items() if name in known})
kinds = [getattr(importlib.import_module(f"services.{n}.settings"), f"{n.title()}Settings") for n in SERVICES]
print(json.dumps([environment(run, ports, Path(folder), Path(domain)),
                  sorted(kind.variable(name) for kind in kinds for name in kind.model_fields)]))
"""


@dataclass(frozen=True)
class Version:
    """A version of the code, in a folder."""

    name: str
    code: Path

    def variables(self, run: Run, ports: Mapping[str, int], folder: Path, more: Mapping[str, str]) -> dict[str, str]:
        """The settings of a stack with its state in `folder`; of `more` those that the version knows."""
        asked = json.dumps([asdict(run), dict(ports), str(folder), str(self.code / "domains/cloud")])
        command = [sys.executable, "-c", _ENVIRONMENT]
        own = {**os.environ, **history.importing(self.code)}
        told = subprocess.run(command, input=asked, env=own, capture_output=True, text=True, check=False)
        assert told.returncode == 0, f"{self.name} does not say its settings: {told.stderr[-800:]}"
        variables, known = json.loads(told.stdout)
        return {**variables, **{name: value for name, value in more.items() if name in known}}

    def programs(
        self, run: Run, ports: Mapping[str, int], folder: Path, more: Mapping[str, str] | None = None
    ) -> dict[str, Child]:
        """The tool server and the services, each as a process of its own that imports this version's code."""
        variables = self.variables(run, ports, folder, {**SOON, **(more or {})})
        services = [name for name in SERVICES if (self.code / "services" / name).is_dir()]
        found = [tool_server(run, variables), *(service_process(name, ports, variables) for name in services)]
        code = history.importing(self.code)
        return {child.name: replace(child, environment={**child.environment, **code}) for child in found}

    def is_what_runs(self) -> bool:
        """Whether a process started like the programs has its code from here."""
        ask = "import aivis, domains.cloud, services\nfor p in aivis, domains.cloud, services: print(p.__path__[0])"
        own = {**os.environ, **history.importing(self.code)}
        told = subprocess.run([sys.executable, "-c", ask], env=own, capture_output=True, text=True, check=True)
        return [str(self.code / part) for part in ("aivis", "domains/cloud", "services")] == told.stdout.split()


@contextmanager
def two_versions(folder: Path) -> Iterator[tuple[Version, Version]]:
    """The version before, and a later one."""
    commit = history.previous()
    with history.worktree(commit, folder / "before") as code:
        if not (code / "aivis/migrations").is_dir():
            pytest.skip(f"the version before, {commit[:9]}, kept no record of migrations: its databases are refused")
        before = Version(f"before-{commit[:9]}", code)
        later = Version("later", _with_a_migration_more(folder / "later"))
        assert before.is_what_runs()
        assert later.is_what_runs()
        yield before, later


def _with_a_migration_more(folder: Path) -> Path:
    """A copy of the present code that widens every table of every store."""
    for part in ("aivis", "services", "domains"):
        shutil.copytree(history.ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for migrations in {file.parent for file in folder.glob("**/migrations/**/*.sql")}:
        known = read(migrations)
        tables = sorted(table for migration in known for table in migration.creates)
        assert tables, migrations
        widened = [f"alter table {table} add column {PLANTED} text not null default 'x';\n" for table in tables]
        (migrations / f"{len(known) + 1:04}_{PLANTED}.sql").write_text("".join(widened))
    return folder


@dataclass(frozen=True)
class Replacement:
    """A process that was ended, and one of the other version that took its place."""

    name: str
    status: int
    open: int
    """Cases handed in and not ended, just before."""


async def end(stack: Stack, name: str) -> int:
    """SIGTERM the process `name`; its exit status."""
    process = stack.children.process(name)
    assert process.returncode is None, f"{name} died by itself, with {process.returncode}\n{stack.told()}"
    process.send_signal(signal.SIGTERM)
    return await asyncio.wait_for(process.wait(), 30)


async def take_the_place(stack: Stack, program: Child) -> Replacement:
    """End the process of the program's name, and start the program."""
    open_ = await stack.open()
    status = await end(stack, program.name)
    await stack.children.start(program, seconds=40)
    return Replacement(program.name, status, open_)
