"""Admission: what a consumer read becomes an arrival, or a letter whose reason says why it cannot be let in.

Nothing that comes in raises anything but `Invalid` here: a bad record stops nobody.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from aivis import identity
from aivis.errors import Invalid
from aivis.events import registry
from aivis.events.envelope import MAX_PAYLOAD_BYTES, Head
from aivis.mailbox.values import MAX_REASON, Arrival, Headers, Key, Letter
from aivis.topics import Topic

MAX_KEY_LENGTH = 400
_NAME = re.compile(rf"[^\x00-\x1f\x7f]{{1,{MAX_KEY_LENGTH}}}")
_RECORD_KEY = "aivis_record_key"
"""Header of a letter that keeps its record's key."""

KeyOf = Callable[[Head, bytes], Key]

Refine = Callable[[Topic, Head, Arrival], Arrival | None]
"""A service's last look before a record enters its inbox: the arrival as it shall be, None to pass over, `Invalid`."""


def as_it_is(topic: Topic, head: Head, arrival: Arrival) -> Arrival:
    """Let everything in unchanged."""
    return arrival


def case_key_of(head: Head, value: bytes) -> Key:
    """The mailbox key of most services: the case."""
    return Key(head.tenant, head.subject)


class Received(NamedTuple):
    """A record as it came."""

    topic: str
    where: str
    """Topic, partition and offset, for people."""
    key: bytes | None
    headers: Headers
    value: bytes | None


@dataclass(frozen=True)
class Admission:
    """What one service lets into its mailbox."""

    table: Mapping[str, Topic]
    """The topics it reads, by name."""
    key_of: KeyOf = case_key_of
    refine: Refine = as_it_is

    @cached_property
    def _types(self) -> dict[str, frozenset[str]]:
        """The types that each topic carries."""
        return {name: frozenset(event.TYPE for event in topic.events) for name, topic in self.table.items()}

    def sort(self, records: Iterable[Received]) -> tuple[list[Arrival], list[Letter]]:
        """Records as arrivals, and as letters those that cannot be let in."""
        arrivals, letters = [], []
        for record in records:
            try:
                arrival = self.arrival(record)
            except Invalid as error:
                letters.append(_letter(record, str(error)))
            else:
                if arrival is not None:
                    arrivals.append(arrival)
        return arrivals, letters

    def again(self, letter: Letter) -> Arrival | None:
        """What sits in quarantine, looked at anew; `Invalid` when it is still bad."""
        keys = [value for name, value in letter.headers if name == _RECORD_KEY]
        headers = tuple(header for header in letter.headers if header[0] != _RECORD_KEY)
        record = Received(letter.topic, f"{letter.topic} letter {letter.id}", None, headers, letter.value)
        return self._arrival(record, lambda head: keys[0] if keys else _key(head))

    def arrival(self, record: Received) -> Arrival | None:
        """The record as an arrival, None when it is nothing to this service; `Invalid` says what is wrong with it."""
        return self._arrival(record, lambda _: record.key)

    def _arrival(self, record: Received, key_as_sent: Callable[[Head], bytes | None]) -> Arrival | None:
        topic = self.table.get(record.topic)
        if topic is None:
            raise Invalid(f"{record.where}: this service does not read {record.topic!r}: it reads {_list(self.table)}")
        value = _value(record)
        head = Head.read(record.headers, where=record.where)
        _check_type(head, self._types[record.topic], record.where)
        _check_key(head, key_as_sent(head), record.where)
        key = self.key_of(head, value)
        if self.key_of is not case_key_of:  # what a head may hold is bounded already
            _check_bounds(key, record.where)
        as_sent = Arrival(head.id, key, record.topic, record.headers, value, head.reasked, head)
        arrival = self.refine(topic, head, as_sent)
        if arrival is None or arrival.headers is record.headers:
            return arrival
        return arrival._replace(head=None)


def _value(record: Received) -> bytes:
    if not record.value:
        raise Invalid(f"{record.where}: the record has no value: an event's data is a JSON object")
    if len(record.value) > MAX_PAYLOAD_BYTES:
        raise Invalid(
            f"{record.where}: the value is {len(record.value)} bytes, over the {MAX_PAYLOAD_BYTES} an event may have:"
            " put what is large into the artifact store and send its reference"
        )
    return record.value


def _check_type(head: Head, belong: frozenset[str], where: str) -> None:
    if head.type not in belong:
        what = "does not belong on this topic" if head.type in registry.PAYLOADS else "is unknown"
        raise Invalid(f"{where}: event type {head.type!r} {what}: it carries {_list(belong)}")


def _check_key(head: Head, key: bytes | None, where: str) -> None:
    if key != _key(head):
        shown = None if key is None else key[:MAX_KEY_LENGTH]
        raise Invalid(f"{where}: key {shown!r} is not tenant and case of the event ({_key(head)!r})")


def _key(head: Head) -> bytes:
    return identity.case_key(head.tenant, head.subject).encode()


def _check_bounds(key: Key, where: str) -> None:
    if not _NAME.fullmatch(key.name):
        shown = key.name[:MAX_KEY_LENGTH]
        raise Invalid(f"{where}: key {shown!r}: must be 1 to {MAX_KEY_LENGTH} characters, none of control")


def _letter(record: Received, reason: str) -> Letter:
    """With the tenant and the case that it says it is of, so that it is found by them: a claim, and no more."""
    headers = (*record.headers, (_RECORD_KEY, record.key or b""))
    letter = Letter(record.topic, headers, record.value or b"", reason[:MAX_REASON])
    with suppress(Invalid):
        head = Head.read(record.headers, where=record.where)
        return replace(letter, tenant=head.tenant, key=head.subject)
    return letter


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
