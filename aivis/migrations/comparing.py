"""What a database still lacks, and whether this code may use it at all."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from aivis.errors import Refused
from aivis.migrations.numbered import Migration


class Recorded(NamedTuple):
    """A migration that a database has had."""

    number: int
    name: str
    sha256: str
    needs: int


class Place(NamedTuple):
    """Where a store's tables are, in words for people."""

    name: str
    begin_anew: str
    """What to do to have it made anew, where what is in it can be done without."""


def next_missing(
    known: Sequence[Migration], recorded: Sequence[Recorded], tables: Collection[str], place: Place
) -> Migration | None:
    """The migration to run next, of those this code knows; None when there is none.

    A database that is ahead of the code is a newer version's, at work beside this one: it is used as it is. `Refused`
    when it had something else than this code knows, was narrowed for newer code, or was made without records.
    """
    had = sorted(recorded)
    _refuse_gaps(had, place)
    for migration, record in zip(known, had, strict=False):
        _refuse_changed(migration, record, place)
    _refuse_narrowed(known, had, place)
    if len(had) >= len(known):
        return None
    missing = known[len(had)]
    if there := sorted(missing.creates & set(tables)):
        raise Refused(
            f"{place.name} has the table {there[0]}, and no record that {missing.file.name} made it: it is from before"
            f" migrations were recorded, and cannot be used; if you can do without what is in it, {place.begin_anew}"
        )
    return missing


def _refuse_gaps(had: Sequence[Recorded], place: Place) -> None:
    for number, record in enumerate(had, 1):
        if record.number != number:
            raise Refused(
                f"{place.name} has had {record.name}, and no migration {number:04}: its records are not whole;"
                " restore them from a backup"
            )


def _refuse_changed(migration: Migration, record: Recorded, place: Place) -> None:
    if migration.sha256 != record.sha256:
        raise Refused(
            f"{place.name} has had another {migration.file.name} than {migration.file} (sha256 {record.sha256[:12]}...,"
            f" now {migration.sha256[:12]}...): put the file back as it was, and make the change in a migration of its"
            f" own; if it never left this machine and you can do without what is in it, {place.begin_anew}"
        )


def _refuse_narrowed(known: Sequence[Migration], had: Sequence[Recorded], place: Place) -> None:
    for record in had[len(known) :]:
        if record.needs > len(known):
            raise Refused(
                f"{place.name} has had {record.name}, which takes away what code before migration {record.needs:04}"
                f" uses, and this code knows them up to {len(known):04}: start a version that knows {record.needs:04}"
            )
