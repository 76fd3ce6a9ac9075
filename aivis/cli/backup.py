"""`aivis backup`: the databases of a stack on SQLite, and its artifacts, while it runs."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from aivis.cli.backups import Kept, Manifest, Places, look
from aivis.cli.shell import DEFAULT_FOLDER, Folder, command, console
from aivis.errors import Invalid


@command
def backup(
    to: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Copy the databases, each whole and of one moment, and the artifacts; services go on meanwhile."""
    places = Places.of(folder, os.environ)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise Invalid(f"{to} is not empty: name another folder")
    found = [*sources(places.state, places.index)]
    if not found:
        raise Invalid(f"there are no databases in {places.state}: name the stack's --folder, or set AIVIS_DATABASE")
    made_at = datetime.now(UTC)
    kept = [_copy(path, to, file) for path, file in found]
    # What a database refers to is there before it is: so artifacts come last.
    count = _artifacts(places.artifacts, to / "artifacts")
    Manifest(made_at=made_at, databases=tuple(kept), artifacts=count).write(to)
    for each in kept:
        console.print(f"  {each.file:<32} {each.size / 1e6:8.1f} MB  {each.at:%H:%M:%S.%f} UTC", highlight=False)
    console.print(f"backup in {to}: {len(kept)} databases, {count} artifacts, checked", highlight=False)


def sources(state: Path, index: Path) -> Iterator[tuple[Path, str]]:
    """Every database, and its file in a backup; a table that follows another database before that one.

    So figures never know of more than the cases do.
    """
    files = sorted(state.glob("*.db"), key=lambda path: ("-" not in path.stem, path.name))
    yield from ((path, f"state/{path.name}") for path in files)
    if index.exists():
        yield index, "index.db"


def _copy(path: Path, to: Path, file: str) -> Kept:
    """The database at `path` as of one moment, checked."""
    target = to / file
    target.parent.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC)
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)  # all pages in one step: what one transaction sees
            copy.execute("pragma journal_mode=delete")
    except sqlite3.Error as error:
        raise Invalid(f"{path} cannot be copied to {target}: {error}") from error
    _write_through(target)
    return look(to, file, at)


def _artifacts(source: Path, target: Path) -> int:
    """Copy what is whole; how many. `Invalid` for content that is not what its name says."""
    count = 0
    for path in sorted(source.glob("*/*/*")):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        with copy.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != path.name:
                raise Invalid(f"{path} is damaged: its content is not what its name says; no backup was made")
        _write_through(copy)
        count += 1
    return count


def _write_through(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
