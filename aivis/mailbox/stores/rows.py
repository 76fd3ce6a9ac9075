"""How the stores write headers, values and digests."""

import hashlib
from collections.abc import Iterable, Sequence

import orjson

from aivis.mailbox.values import Headers


def pack(headers: Headers) -> bytes:
    """Headers as JSON pairs; a value that is not UTF-8 survives by latin-1 under a marked name."""
    try:
        return orjson.dumps([(name, value.decode()) for name, value in headers])
    except UnicodeDecodeError:
        return orjson.dumps([_pair(name, value) for name, value in headers])


def array(values: Sequence[str | int | bool | None]) -> str:
    """`values` as PostgreSQL writes an array, to be cast from text.

    Its client takes five times as long over an array, value by value. JSON is written alike but for what it escapes.
    """
    written = orjson.dumps(values)
    if b"\\" in written:
        return "{" + ",".join([_quoted(value) for value in values]) + "}"
    return "{" + written[1:-1].decode() + "}"


def _quoted(value: str | int | bool | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value)


def blob(messages: Iterable[tuple[Headers, bytes]]) -> tuple[str, str, str, bytes]:
    """Packed headers and values of `messages`, end to end: arrays of where each begins, from 1, and of its two lengths.

    PostgreSQL's client grows an array of bytes by a kilobyte at a time: this is sent in a third of the time.
    """
    parts: list[bytes] = []
    starts, heads, values, start = [], [], [], 1
    for headers, value in messages:
        packed = pack(headers)
        parts += packed, value
        starts.append(start)
        heads.append(len(packed))
        values.append(len(value))
        start += len(packed) + len(value)
    return array(starts), array(heads), array(values), b"".join(parts)


def unpack(packed: bytes) -> Headers:
    if b"\\u0000" not in packed:  # no name is marked
        return tuple([(name, value.encode()) for name, value in orjson.loads(packed)])
    return tuple(
        (name.removeprefix("\x00"), value.encode("latin-1" if name.startswith("\x00") else "utf-8"))
        for name, value in orjson.loads(packed)
    )


def text(value: str) -> str:
    """`value` as every database takes it: PostgreSQL's text has no NUL."""
    return value.replace("\x00", "\ufffd")


def digest(value: bytes) -> bytes:
    """What tells two bodies under one id apart; 16 bytes."""
    return hashlib.blake2b(value, digest_size=16).digest()


def _pair(name: str, value: bytes) -> tuple[str, str]:
    try:
        return name, value.decode()
    except UnicodeDecodeError:
        return "\x00" + name, value.decode("latin-1")
