"""A backup's folder: databases as they stood at a moment each, artifacts, and a manifest that is written last.

Keys are not in it: of what is encrypted a backup holds what is encrypted, and the keys have a place of their own.
"""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import orjson
from pydantic import AwareDatetime, BaseModel, ValidationError

from aivis.errors import Invalid, Refused
from aivis.events.registry import fault

MANIFEST = "manifest.json"
_ELSEWHERE = (
    "PostgreSQL is backed up by its own means (pg_dump, or a base backup with its WAL): docs/operations.md, `Backups`"
)
FORM = 1
"""Of the folder; a higher one is a later release's."""


@dataclass(frozen=True)
class Places:
    """Where a stack keeps what a backup is of: as the services' variables say, or below the stack's folder."""

    database: str
    artifacts: Path
    index: Path

    @classmethod
    def of(cls, folder: Path, variables: Mapping[str, str]) -> Self:
        return cls(
            variables.get("AIVIS_DATABASE") or f"sqlite:{folder / 'state'}",
            Path(variables.get("AIVIS_ARTIFACTS") or folder / "artifacts"),
            Path(variables.get("AIVIS_RETRIEVER_INDEX") or folder / "index.db"),
        )

    @property
    def state(self) -> Path:
        """The folder of the SQLite files; `Invalid` for another database."""
        kind, _, rest = self.database.partition(":")
        if kind != "sqlite" or not rest:
            raise Invalid(f"AIVIS_DATABASE={kind}:...: {_ELSEWHERE}")
        return Path(rest)

    @property
    def on_sqlite(self) -> bool:
        return self.database.startswith("sqlite:")


class Kept(BaseModel):
    """A database in the backup."""

    file: str
    """Below the backup's folder."""
    at: AwareDatetime
    """It stands as of then, or a moment later."""
    size: int
    sha256: str
    migrations: dict[str, int] = {}
    """The latest number that each of its stores has had."""


class Manifest(BaseModel):
    """What is in a backup."""

    form: int = FORM
    made_at: AwareDatetime
    databases: tuple[Kept, ...]
    artifacts: int = 0
    """Files below `artifacts`, each named by its digest."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest in `folder`; `Invalid` when there is no whole backup of a form that is known."""
        try:
            found = cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Invalid(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}") from error
        except ValidationError as error:
            raise Invalid(f"{folder / MANIFEST}: {fault(error)}") from error
        if found.form > FORM:
            raise Refused(f"{folder} has form {found.form}, and this version knows {FORM}: restore it with a later one")
        return found

    def write(self, folder: Path) -> None:
        partial = folder / f"{MANIFEST}.partial"
        partial.write_bytes(orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
        partial.replace(folder / MANIFEST)


def look(folder: Path, file: str, at: datetime) -> Kept:
    """The database `file` in `folder` as it is there; `Invalid` when it is not whole."""
    path = folder / file
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            found = connection.execute("pragma integrity_check").fetchone()[0]
            numbers = dict(connection.execute("select store, max(number) from migrations group by store").fetchall())
    except sqlite3.Error as error:
        raise Invalid(f"{path}: no database of ours, or a damaged one: {error}") from error
    if found != "ok":
        raise Invalid(f"{path} is damaged: {found}")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Kept(file=file, at=at, size=path.stat().st_size, sha256=digest, migrations=numbers)


def check(folder: Path, kept: Kept) -> None:
    """`Invalid` unless the database is in the backup as it was put there."""
    if not (folder / kept.file).is_file():
        raise Invalid(f"{folder / kept.file} is in the manifest, and not there: the backup is not whole")
    if look(folder, kept.file, kept.at) != kept:
        raise Invalid(f"{folder / kept.file} is not as the manifest says: the backup was changed, or is damaged")
