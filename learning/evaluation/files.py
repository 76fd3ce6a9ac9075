"""JSON lines, plain or gzipped."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject


def rows(path: Path, *, needs: tuple[str, ...]) -> Iterator[JsonObject]:
    """The objects of `path`, one a line; `Invalid` names file, line and what is wrong or missing of `needs`."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _row(line, needs, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        raise Invalid(f"{path}: cannot be read: {error}") from error


def _row(line: bytes, needs: tuple[str, ...], where: str) -> JsonObject:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{where}: not JSON: {error}") from error
    missing = [name for name in needs if not isinstance(found, dict) or name not in found]
    if missing:
        raise Invalid(f"{where}: lacks {', '.join(missing)}")
    row: JsonObject = found
    return row
