"""Dead letters as the command line handles them: named SERVICE/ID, found by filters, acted on in pages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES
from aivis.cli.shell import errors
from aivis.errors import Invalid, NotFound, Transient

PAGE = 500
ALL = 2**31
_AT_ONCE = 100
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_SPAN = re.compile(r"(?:\d{1,9}[smhdw])+")

Letter = dict[str, Any]
"""A letter as its service lists it, with `service` and `name`."""
Outcome = dict[str, Any]
"""A letter's `name`, and what its service says that became of it."""


@dataclass(frozen=True)
class Wanted:
    """Which letters."""

    service: str = ""
    """Of this one; empty: of all."""
    query: Mapping[str, str | int] = field(default_factory=dict)
    limit: int = ALL

    @property
    def services(self) -> Sequence[str]:
        if self.service and self.service not in SERVICES:
            raise Invalid(f"there is no service {self.service!r}; there are {', '.join(SERVICES)}")
        return (self.service,) if self.service else SERVICES

    @property
    def says_something(self) -> bool:
        return bool(self.service or self.query)


@dataclass
class Letters:
    """The letters of a stack's services. A service that does not answer is named, and stops no other."""

    api: Client
    token: str = ""
    silent: list[str] = field(default_factory=list)
    """The services that did not answer."""

    def find(self, wanted: Wanted) -> list[Letter]:
        """Newest first."""
        found = [letter for service in wanted.services for letter in self._asked(service, wanted)]
        return sorted(found, key=lambda letter: str(letter["at"]), reverse=True)[: wanted.limit]

    def whole(self, name: str) -> Letter:
        """The letter with its headers and its bytes."""
        service, id = _parts(name)
        try:
            return named(service, self._get(service, f"/v1/dead/{id}"))
        except NotFound as error:
            raise NotFound(f"there is no letter {name}: it was put back or dropped, or never was") from error

    def retry(self, names: Sequence[str], *, seconds: int) -> Iterator[Outcome]:
        """Put them back, oldest first, and say what became of each within so many seconds."""
        return self._each(names, "retry", {"seconds": seconds})

    def drop(self, names: Sequence[str], *, by: str) -> Iterator[Outcome]:
        return self._each(names, "drop", {"by": by})

    def _asked(self, service: str, wanted: Wanted) -> list[Letter]:
        found: list[Letter] = []
        try:
            while len(found) < wanted.limit:
                below = {"before": found[-1]["id"]} if found else {}
                size = min(PAGE, wanted.limit - len(found))
                page = self._get(service, "/v1/dead", **wanted.query, **below, limit=size)
                found += [named(service, letter) for letter in page]
                if len(page) < size:
                    break
        except Transient as error:
            self._note(service, error)
        return found

    def _each(self, names: Sequence[str], what: str, more: Mapping[str, Any]) -> Iterator[Outcome]:
        ids: dict[str, set[int]] = {}
        for service, id in map(_parts, names):
            ids.setdefault(service, set()).add(id)
        for service, wanted in ids.items():
            yield from self._in_pages(service, sorted(wanted), what, more)

    def _in_pages(self, service: str, ids: Sequence[int], what: str, more: Mapping[str, Any]) -> Iterator[Outcome]:
        for start in range(0, len(ids), _AT_ONCE):
            body = {"ids": ids[start : start + _AT_ONCE], **more}
            try:
                became = self.api.post(self._base(service), f"/v1/dead/{what}", body, headers=self._headers)
            except Transient as error:
                self._note(service, error)
                return
            yield from (named(service, each) for each in became)

    def _get(self, service: str, path: str, **query: str | int) -> Any:
        return self.api.get(self._base(service), path, headers=self._headers, **query)

    def _base(self, service: str) -> str:
        return str(getattr(self.api.run, service))

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _note(self, service: str, error: Exception) -> None:
        self.silent.append(service)
        errors.print(f"[bold red]{service} does not answer:[/] {error}", highlight=False, soft_wrap=True)


def named(service: str, letter: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": f"{service}/{letter['id']}", "service": service, **letter}


def name_of(text: str, service: str = "") -> str:
    """The letter that `text` names: SERVICE/ID, or the id alone where the service is said otherwise."""
    full = f"{service}/{text}" if service and text.isdecimal() else text
    _parts(full)
    return full


def _parts(name: str) -> tuple[str, int]:
    service, _, id = name.partition("/")
    if service not in SERVICES or not (id.isascii() and id.isdecimal() and len(id) < 19):
        raise Invalid(f"{name!r} names no letter: give SERVICE/ID as `aivis dead list` prints it, like reasoner/17")
    return service, int(id)


def seconds(text: str) -> int:
    """A span of time like 90s, 15m, 2h, 7d or 1d12h."""
    if not _SPAN.fullmatch(text):
        raise Invalid(f"{text!r} is no span of time: write it like 90s, 15m, 2h, 7d or 1d12h")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))


def span(moment: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """How long ago that was, in its largest unit."""
    age = max(0, int((now() - datetime.fromisoformat(moment)).total_seconds()))
    unit = next((unit for unit in ("d", "h", "m") if age >= _UNITS[unit]), "s")
    return f"{age // _UNITS[unit]}{unit}"


def listed(letters: Sequence[Letter]) -> Table:
    """The letters, one a line; names are never cut."""
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("letter", no_wrap=True, min_width=max([len(letter["name"]) for letter in letters], default=0))
    table.add_column("kind", no_wrap=True, min_width=len("quarantined"))
    table.add_column("tenant", no_wrap=True, overflow="ellipsis", max_width=12)
    table.add_column("topic", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("age", no_wrap=True, justify="right", min_width=3)
    table.add_column("reason", no_wrap=True, overflow="ellipsis", ratio=1)
    for letter in letters:
        told = (letter["name"], letter["kind"], letter["tenant"], letter["topic"] or "(timer)", span(letter["at"]))
        table.add_row(*map(Text, told), Text(" ".join(letter["reason"].split())))
    return table


_WORDS = {
    "done": "put back and done",
    "waiting": "put back, not done yet",
    "buried-again": "buried again",
    "still-bad": "still bad, it stays",
    "gone": "gone: it was put back or dropped before",
    "dropped": "dropped for good",
}
BAD = frozenset({"buried-again", "still-bad"})


def told(outcomes: Sequence[Outcome]) -> Table:
    """What became of each letter, one a line."""
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, min_width=max([len(outcome["name"]) for outcome in outcomes], default=0))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for outcome in outcomes:
        words = _WORDS[outcome["outcome"]]
        if outcome["letter"]:
            words += f" as {outcome['service']}/{outcome['letter']}"
        reason = " ".join(outcome["reason"].split())
        table.add_row(Text(outcome["name"]), Text(f"{words}: {reason}" if reason else words))
    return table
