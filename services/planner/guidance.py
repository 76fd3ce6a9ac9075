"""Guidance: what experts tell the agent to do. Unlike a ticket it is trusted, and it is followed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aivis.events.plans import Route
from services.planner.domain import Domain
from services.planner.inputs import Value, Values
from services.planner.mentions import normalised
from services.planner.problems import Problem, problems
from services.planner.reading import TicketReader, Unit

_CONSENT = re.compile(
    r"\bgo ahead\b|\bproceed\b|\bas (?:requested|asked|the customer (?:asks|wants|requests))\b|\bapproved?\b"
    r"|\bdo (?:it|so|that|what)\b|\b(?:it|this|that|the (?:request|ticket)) is (?:fine|ok|okay|legitimate|safe)\b"
    r"|\byou may\b|同意|可以执行|继续执行|按客户(?:的)?要求|批准",
    re.IGNORECASE,
)
_FORBIDS = re.compile(r"\b(?:not|never|n't|don't|no)\b|不", re.IGNORECASE)


@dataclass(frozen=True)
class Directions:
    """What experts said, all of it together; later words go before earlier ones."""

    problems: tuple[Problem, ...] = ()
    """What they ask for."""
    units: tuple[Unit, ...] = ()
    inputs: tuple[tuple[str, Value], ...] = ()
    """Values they tell beside it: "the port is 8443"."""
    modules: tuple[str, ...] = ()
    consent: bool = False
    """They say to do what the customer asks."""

    @property
    def given(self) -> bool:
        return bool(self.problems or self.inputs or self.modules or self.consent)


class GuidanceReader:
    """Reads experts' words."""

    def __init__(self, domain: Domain, reader: TicketReader) -> None:
        self._domain = domain
        self._reader = reader
        self._modules = {name: _named(name) for name in domain.modules}

    def read(self, guidance: Sequence[str]) -> Directions:
        """The directions in all of `guidance`, oldest first."""
        units: list[Unit] = []
        modules: dict[str, None] = {}
        consent = False
        for text in guidance:
            named = self._named_modules(text)
            if named:
                modules = dict.fromkeys(named)
            units += self._reader.read("", self._without_modules(text), trusted=True).units
            consent = consent or bool(_CONSENT.search(text) and not _FORBIDS.search(text))
        wanted = [each for each in problems(units, self._domain) if self._workable(each.intent)]
        return Directions(tuple(wanted), tuple(units), tuple(_told(units).items()), tuple(modules), consent)

    def _workable(self, intent: str) -> bool:
        return self._domain.intent(intent).route is Route.AGENT

    def _named_modules(self, text: str) -> list[str]:
        plain = normalised(text)
        return [name for name, pattern in self._modules.items() if pattern.search(plain)]

    def _without_modules(self, text: str) -> str:
        """A module's name is not what is wanted: "open_port" must not be read as a wish to open one."""
        for pattern in self._modules.values():
            text = pattern.sub(" ", text)
        return re.sub(r"\[module:\s*\]", " ", text)


def _named(module: str) -> re.Pattern[str]:
    """The module's name as people write it: with hyphens, and a long one with spaces too.

    "open port" is no name: those are words that anybody uses.
    """
    gap = "[_ -]" if module.count("_") > 1 else "[_-]"
    return re.compile(r"(?<!\w)" + re.escape(module).replace("_", gap) + r"(?!\w)", re.IGNORECASE | re.ASCII)


def _told(units: Sequence[Unit]) -> Values:
    """Values told as circumstances, the last of each."""
    return {name: value for u in units if u.intent is None for m in u.mentions for name, value in m.values.items()}
