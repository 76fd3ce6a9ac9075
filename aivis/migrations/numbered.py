"""A store's folder of migrations: `0001_baseline.sql`, `0002_...sql` and on, never edited once they have run."""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aivis.errors import Invalid

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_CONTRACT = re.compile(r"-- contract: \S.* since (\d{4}) \(\S.*\)")
_CONTRACT_FORM = "-- contract: WHAT NOTHING USES ANY MORE since NNNN (WHAT FINISHED)"
_CREATED = re.compile(r"^create table (\w+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Migration:
    """One step of a store's tables."""

    number: int
    file: Path
    sql: str
    needs: int
    """Code that knows no migration of this number cannot run behind it; 0: any code can."""

    @property
    def sha256(self) -> str:
        return sha256(self.sql.encode()).hexdigest()

    @property
    def creates(self) -> frozenset[str]:
        """The tables it creates."""
        return frozenset(_CREATED.findall(self.sql))


def read(folder: Path) -> tuple[Migration, ...]:
    """The migrations in `folder`, in order; `Invalid` names the file at fault."""
    found = tuple(_migration(file) for file in sorted(folder.glob("*.sql")))
    numbers = [migration.number for migration in found]
    if not found or numbers != list(range(1, len(found) + 1)):
        raise Invalid(f"{folder}: migrations are numbered {numbers}: give each the next number, from 0001 on")
    return found


def _migration(file: Path) -> Migration:
    named = _NAME.fullmatch(file.name)
    if named is None:
        raise Invalid(f"{file}: no name of a migration: call it NNNN_what_it_does.sql")
    number, sql = int(named[1]), file.read_text(encoding="utf-8")
    return Migration(number, file, sql, _needs(file, number, sql))


def _needs(file: Path, number: int, sql: str) -> int:
    """What the header's `-- contract:` line says."""
    lines = [line for line in sql.splitlines() if line.startswith("-- contract")]
    if not lines:
        return 0
    said = _CONTRACT.fullmatch(lines[0])
    if said is None or len(lines) > 1 or not 0 < int(said[1]) < number:
        raise Invalid(f"{file}: say `{_CONTRACT_FORM}` once, with the number of an earlier migration: {lines[0]}")
    return int(said[1])
