"""How the stores write headers, values and digests."""

import hashlib

import orjson

from aivis.mailbox.letters import Fate
from aivis.mailbox.values import Headers


def pack(headers: Headers) -> bytes:
    """Headers as JSON pairs; a value that is not UTF-8 survives by latin-1 under a marked name."""
    try:
        return orjson.dumps([(name, value.decode()) for name, value in headers])
    except UnicodeDecodeError:
        return orjson.dumps([_pair(name, value) for name, value in headers])


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


FATES = {0: Fate.PENDING, 1: Fate.DONE, 2: Fate.DEAD}
"""By the inbox's column `state`."""
