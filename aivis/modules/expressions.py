"""CEL: compiled once, evaluated over the names a module may use, with the origin of what comes out.

Names: `ticket` (inputs: from the ticket, looked up, by default or from an expert), `found` (values that checks or
steps took from results) and, where a tool has just answered, `result`. Functions beyond CEL's own: `within(a, b)`,
true when address or block a lies in block b, and `block(a)`, an address as a CIDR block.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cel

from aivis.errors import Invalid
from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from aivis.modules.paths import roots

_TRUST = tuple(Origin)
"""Most trusted first, as the contract lists them."""

_HOLES = re.compile(r"\{([^{}]+)\}")
_NOT_KNOWN = "(not known)"


class Undecided(Exception):
    """An expression has no value: a field is missing, or types do not fit."""


@dataclass(frozen=True)
class Scope:
    """The values that expressions see, and where each comes from."""

    ticket: JsonObject = field(default_factory=dict)
    found: JsonObject = field(default_factory=dict)
    result: JsonObject | None = None
    ticket_origins: Mapping[str, Origin] = field(default_factory=dict)
    """An input that is not named comes from the ticket."""
    found_origins: Mapping[str, Origin] = field(default_factory=dict)

    def answered(self, result: JsonObject) -> "Scope":
        """The same, with a tool's result."""
        return replace(self, result=result)

    def learn(self, finds: Mapping[str, str]) -> "Scope":
        """The same, with what `finds` takes from the result; what has no value is left out."""
        scope = self
        for name, source in finds.items():
            try:
                value = evaluate(source, scope)
            except Undecided:
                continue
            origins = {**scope.found_origins, name: origin(source, scope)}
            scope = replace(scope, found={**scope.found, name: value}, found_origins=origins)
        return scope


def within(inner: Any, outer: Any) -> bool:
    """True when IPv4 or IPv6 address or CIDR block `inner` lies in block `outer`; of two families, false."""
    small, large = _network(inner), _network(outer)
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small.subnet_of(large)
    return False


def block(address: Any) -> str:
    """An address, or a block, as a CIDR block: 203.0.113.7 as 203.0.113.7/32."""
    return str(_network(address))


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is not an address or a CIDR block")
    return ipaddress.ip_network(text, strict=False)


FUNCTIONS: dict[str, Callable[..., Any]] = {"within": within, "block": block}


@lru_cache(maxsize=8192)
def compiled(source: str) -> cel.Program:
    """The program of `source`, or `Invalid` with what the parser says."""
    try:
        return cel.compile(source)
    except ValueError as error:
        said = re.sub(r"\s+", " ", str(error).split("ERROR: <input>:")[-1])[:160]
        raise Invalid(f"not CEL, at line:column {said}") from error


def evaluate(source: str, scope: Scope) -> Any:
    """The value of `source`, or `Undecided` saying why there is none."""
    program = compiled(source)
    used = set(program.variables())
    names: dict[str, Any] = {name: function for name, function in FUNCTIONS.items() if name in source}
    names |= {name: getattr(scope, name) for name in ("ticket", "found", "result") if name in used}
    try:
        return program.execute(names)
    except (LookupError, RuntimeError, TypeError, ValueError, ArithmeticError) as error:
        raise Undecided(f"{source}: {error}") from error


def holds(source: str, scope: Scope) -> bool | None:
    """Whether a condition is true; None when it cannot be decided, or is not a condition."""
    try:
        value = evaluate(source, scope)
    except Undecided:
        return None
    return value if isinstance(value, bool) else None


def origin(source: str, scope: Scope) -> Origin:
    """Where the value of `source` comes from: the least trusted of all it is made of."""
    return least_trusted(_origin_of(root, name, scope) for root, name in roots(source))


def _origin_of(root: str, name: str | None, scope: Scope) -> Origin:
    if root == "result":
        return Origin.RESULT
    if root == "ticket":
        known, otherwise, values = scope.ticket_origins, Origin.TICKET, scope.ticket
    else:
        known, otherwise, values = scope.found_origins, Origin.RESULT, scope.found
    if name is not None:
        return known.get(name, otherwise) if name in values else Origin.MODULE
    return least_trusted(known.get(each, otherwise) for each in values)


def least_trusted(origins: Iterable[Origin]) -> Origin:
    """The origin to state for a value made of several; of none, the module's own."""
    return max(origins, key=_TRUST.index, default=Origin.MODULE)


def arguments(declared: Mapping[str, Any], scope: Scope) -> tuple[JsonObject, dict[str, Origin]]:
    """A tool's arguments and the origin of each; `Undecided` when one has no value yet."""
    return {name: _value(each, scope) for name, each in declared.items()}, origins(declared, scope)


def origins(declared: Mapping[str, Any], scope: Scope) -> dict[str, Origin]:
    """The origin of each of a tool's arguments."""
    return {name: least_trusted(origin(s, scope) for s in sources(each)) for name, each in declared.items()}


def _value(declared: Any, scope: Scope) -> Any:
    if isinstance(declared, str):
        return evaluate(declared, scope)
    if isinstance(declared, list | tuple):
        return [_value(each, scope) for each in declared]
    if isinstance(declared, dict):
        return {name: _value(each, scope) for name, each in declared.items()}
    return declared


def sources(declared: Any) -> list[str]:
    """All CEL in an argument."""
    if isinstance(declared, str):
        return [declared]
    if isinstance(declared, dict):
        declared = list(declared.values())
    return [source for each in declared for source in sources(each)] if isinstance(declared, list | tuple) else []


def holes(text: str) -> list[str]:
    """The CEL in a text for people."""
    return _HOLES.findall(text)


def render(text: str, scope: Scope) -> str:
    """A text for people, with its braces filled; what has no value reads '(not known)'."""
    return _HOLES.sub(lambda hole: _shown(hole.group(1), scope), text)


def _shown(source: str, scope: Scope) -> str:
    try:
        value = evaluate(source, scope)
    except Undecided:
        return _NOT_KNOWN
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "none"
    return _NOT_KNOWN if value is None else str(value)
