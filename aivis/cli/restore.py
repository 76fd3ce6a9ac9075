"""`aivis restore`: databases back to a backup, each told that it was; or only told, where other means put it back."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from aivis.cli.backups import Kept, Manifest, Places, check
from aivis.cli.embedded import SERVICES
from aivis.cli.shell import DEFAULT_FOLDER, Folder, command, console
from aivis.errors import Invalid, Refused
from aivis.mailbox.stores.opening import open_store
from aivis.mailbox.values import Restoration

_STOP = "stop it, then restore"


@command
def restore(
    backup: Annotated[Path | None, typer.Argument(help="A folder that `aivis backup` made.")] = None,
    folder: Folder = DEFAULT_FOLDER,
    service: Annotated[list[str] | None, typer.Option(help="This one's alone; may be given again.")] = None,
    mark: Annotated[bool, typer.Option("--mark", help="Put nothing back: say that it was put back just now.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put the databases of stopped services back, so that they know it and read the bus again before they go on.

    With --mark: databases were put back by other means (pg_restore, point-in-time recovery), and are told so.
    """
    chosen, places = _services(service), Places.of(folder, os.environ)
    if mark:
        if backup is not None:
            raise Invalid("--mark puts no backup back: leave the folder out")
        _mark_all(chosen, places)
        return
    if backup is None:
        raise Invalid("name the backup's folder; or --mark, when the database was put back by other means")
    wanted = [
        (kept, places.index if kept.file == "index.db" else places.state / Path(kept.file).name)
        for kept in Manifest.read(backup).databases
        if _owner(kept) in chosen
    ]
    if not wanted:
        raise Invalid(f"{backup} has no database of {', '.join(chosen)}")
    for kept, target in wanted:
        check(backup, kept)
        _refuse_running(target)
    _tell(backup, wanted)
    if not (yes or typer.confirm("Go on?")):
        raise typer.Exit(1)
    _bring_artifacts(backup / "artifacts", places.artifacts)
    _put_back(backup, wanted, chosen)


def _services(names: Sequence[str] | None) -> tuple[str, ...]:
    for name in names or ():
        if name not in SERVICES:
            raise Invalid(f"there is no service {name!r}; there are {', '.join(SERVICES)}")
    return tuple(names or SERVICES)


def _owner(kept: Kept) -> str:
    """Whose database it is."""
    return "retriever" if kept.file == "index.db" else Path(kept.file).stem.partition("-")[0]


def _refuse_running(path: Path) -> None:
    """`Refused` while somebody has the file open. One that is damaged, or not there, nobody works with."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
            connection.execute("pragma locking_mode=exclusive")
            connection.execute("pragma journal_mode=delete")  # asks for the file alone
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Refused(f"{path} is in use: its service runs; {_STOP}") from error
    except sqlite3.DatabaseError:
        return


def _tell(backup: Path, wanted: Sequence[tuple[Kept, Path]]) -> None:
    console.print(f"From {backup}:", highlight=False, soft_wrap=True)
    for kept, target in wanted:
        before = f", and keep what is there as {_aside(target).name}" if target.exists() else ""
        says = f"  put {target} back to {kept.at:%Y-%m-%d %H:%M:%S} UTC{before}"
        console.print(says, highlight=False, soft_wrap=True)
    console.print("Services read the bus again at their start: what it lacks by then, and is in doubt, people get.")


def _bring_artifacts(kept: Path, folder: Path) -> None:
    """What is missing; newer ones stay."""
    for path in sorted(kept.glob("*/*/*")):
        copy = folder / path.relative_to(kept)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _put_back(backup: Path, wanted: Sequence[tuple[Kept, Path]], services: Sequence[str]) -> None:
    """Each file beside its place, told that it is a restored one, and only then in its place."""
    fresh = wanted[0][1].parent / f".restoring-{uuid4().hex[:8]}"
    fresh.mkdir(parents=True)
    try:
        for kept, target in wanted:
            shutil.copyfile(backup / kept.file, fresh / target.name)
        present = [name for name in services if (fresh / f"{name}.db").exists()]
        marked = asyncio.run(_marked(present, f"sqlite:{fresh}"))
        for _, target in wanted:
            _in_place(fresh / target.name, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _say(present, marked)


def _in_place(fresh: Path, target: Path) -> None:
    """Whenever this ends, a database is there: a service that finds none begins a new one, which knows of nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside, aside = target.with_name(f".{target.name}.restoring"), _aside(target)
    shutil.move(fresh, beside)
    for ending in ("-wal", "-shm"):
        log = target.with_name(target.name + ending)
        if log.exists():
            log.rename(aside.with_name(aside.name + ending))
    if target.exists():
        os.link(target, aside)
    beside.replace(target)


def _aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")


def _mark_all(services: Sequence[str], places: Places) -> None:
    if places.on_sqlite:
        for name in services:
            path = places.state / f"{name}.db"
            if not path.exists():
                raise Invalid(f"{path} is not there: put it back first, or name the services that were with --service")
            _refuse_running(path)
    else:
        asyncio.run(_refuse_unready(services, places.database))
    _say(services, asyncio.run(_marked(services, places.database)))


async def _refuse_unready(services: Sequence[str], database: str) -> None:
    """`Refused` while a service is connected; `Invalid` where nothing was put back."""
    import asyncpg

    try:
        connection = await asyncpg.connect(database, timeout=10)
    except (OSError, ValueError, asyncpg.PostgresError, TimeoutError) as error:
        raise Invalid(f"postgresql: {error}: is AIVIS_DATABASE right, and the server running?") from error
    try:
        for schema in (f"aivis_{name}" for name in services):
            if await connection.fetchval("select to_regclass($1)", f"{schema}.inbox") is None:
                raise Invalid(f"there is no schema {schema}: restore it first, or name those that were with --service")
            if await connection.fetchval(_SESSIONS, schema):
                raise Refused(f"a service is connected to schema {schema}; {_STOP}")
    finally:
        await connection.close()


_SESSIONS = "select count(*) from pg_stat_activity where datname = current_database() and application_name = $1"


async def _marked(services: Sequence[str], database: str) -> list[Restoration]:
    """Tell each database that it was restored. `Refused` for one that is ahead of this version."""
    found = []
    for name in services:
        store = open_store(database, name)
        await store.open()
        try:
            found.append(await store.mark_restored(uuid4().hex))
        finally:
            await store.close()
    return found


def _say(services: Sequence[str], marked: Sequence[Restoration]) -> None:
    for name, restoration in zip(services, marked, strict=True):
        says = f"  {name:<11} knows of nothing after {restoration.since:%Y-%m-%d %H:%M:%S} UTC"
        console.print(says, highlight=False)
    console.print("Start the services: each reads the bus again first, and is not ready before.")
