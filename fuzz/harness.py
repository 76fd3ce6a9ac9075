"""A harness: bytes go in, and only the declared errors may come out."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from aivis.errors import AivisError
from fuzz.sites import ROOT

SAMPLES = ROOT / "tests" / "samples" / "v1"


@dataclass(frozen=True)
class Harness:
    """One way in from outside."""

    name: str
    says: str
    run: Callable[[bytes], object]
    """Decodes; raises nothing but `errors`."""
    covers: tuple[str, ...]
    """The places of `sites` behind it."""
    seeds: Callable[[], Sequence[bytes]]
    """What is decoded without an error, to begin with."""
    errors: tuple[type[Exception], ...] = field(default=(AivisError,))


def headed(data: bytes) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    """Headers and a body: `name: value` lines, an empty line, the rest."""
    head, _, body = data.partition(b"\n\n")
    pairs = [line.partition(b": ") for line in head.split(b"\n") if line]
    return tuple((name.decode("latin-1"), value) for name, _, value in pairs), body


def with_head(headers: Sequence[tuple[str, bytes]], body: bytes) -> bytes:
    """What `headed` takes apart."""
    return b"\n".join(name.encode("latin-1") + b": " + value for name, value in headers) + b"\n\n" + body


def samples(pattern: str = "*.json") -> list[bytes]:
    """The golden samples."""
    return [path.read_bytes() for path in sorted(SAMPLES.glob(pattern))]


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="aivis-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # libFuzzer ends its process without: see __main__
    return Path(folder)


def as_file(data: bytes, suffix: str = "") -> Path:
    """A file with `data` in it; the next one takes its place."""
    path = _folder() / f"input{suffix}"
    path.write_bytes(data)
    return path
