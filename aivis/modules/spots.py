"""Checks one expression where it stands: it compiles, its names and functions exist, its fields can be there."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.modules.catalogue import UNKNOWN, fields, within
from aivis.modules.expressions import FUNCTIONS, compiled
from aivis.modules.paths import Chain, bound, chains

_CEL_FUNCTIONS = frozenset(
    "size contains startsWith endsWith matches string int uint double bytes timestamp duration type dyn".split()
) | frozenset("getFullYear getMonth getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds".split())


@dataclass(frozen=True)
class Spot:
    """The names that an expression may use where it stands."""

    inputs: frozenset[str]
    """All that inputs.yaml declares."""
    sure: frozenset[str]
    """Inputs that are certainly there."""
    found: frozenset[str] = frozenset()
    result: JsonObject | None = None
    """Schema of `result`; None where no tool has answered."""
    lenient: bool = False
    """In a text for people a missing value does no harm."""

    def after(self, finds: Mapping[str, str]) -> "Spot":
        return replace(self, found=self.found | frozenset(finds))

    def knowing(self, condition: str) -> "Spot":
        """Where `condition` holds: the inputs that it asks has() of are there."""
        read = [chain for chain in chains(condition) if chain.asked and chain.root == "ticket"]
        asked = {chain.fields[0] for chain in read if chain.fields}
        return replace(self, sure=self.sure | asked)

    def answered(self, result: JsonObject | None) -> "Spot":
        return replace(self, result=UNKNOWN if result is None else result)


@dataclass
class _Names:
    spot: Spot
    bound: set[str]
    schemas: dict[str, JsonObject] = field(default_factory=dict)
    """Of the variables that macros bind, and of `result`."""


def faults_of(source: str, spot: Spot) -> Iterator[str]:
    """What is wrong with `source`, in words."""
    try:
        program = compiled(source)
    except Invalid as error:
        yield str(error)
        return
    for function in program.functions():
        if function[0].isalpha() and function not in _CEL_FUNCTIONS and function not in FUNCTIONS:
            yield f"there is no function {function}(): CEL's own, within(a, b) and block(a) can be used"
    names = _Names(spot, bound(source), {} if spot.result is None else {"result": spot.result})
    asked = {(chain.root, chain.fields[:1]) for chain in chains(source) if chain.asked}
    for chain in chains(source):
        yield from _chain(chain, names, asked)


def _chain(chain: Chain, names: _Names, asked: set[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    guarded = names.spot.lenient or (chain.root, chain.fields[:1]) in asked
    if chain.root == "ticket":
        yield from _ticket(chain, names.spot, guarded)
    elif chain.root == "found":
        known = names.spot.found
        if chain.fields and chain.fields[0] not in known:
            yield f"found.{chain.fields[0]} is not found before this place{_near(chain.fields[0], known)}"
    elif chain.root == "result" and names.spot.result is None:
        yield "there is no result here: take what you need from it with finds"
    elif chain.root in names.schemas:
        yield from _fields(chain, names)
    elif chain.root not in names.bound and chain.root != "result":
        yield (
            f"there is no name {chain.root} here; a text constant keeps its own quotes: \"'{chain.root}'\""
            " (names: ticket, found, result)"
        )


def _ticket(chain: Chain, spot: Spot, guarded: bool) -> Iterator[str]:
    if not chain.fields:
        return
    name = chain.fields[0]
    if name not in spot.inputs:
        yield f"inputs.yaml has no input {name}{_near(name, spot.inputs)}"
    elif name not in spot.sure and not guarded:
        yield f"ticket.{name} may be missing: add {name} to needs, or ask has(ticket.{name}) first"


def _fields(chain: Chain, names: _Names) -> Iterator[str]:
    root = names.spot.result or UNKNOWN
    schema, path = names.schemas[chain.root], chain.root
    for name in chain.fields:
        below = within(schema, name, root)
        if below is None:
            yield f"{path} has no field {name}{_near(name, fields(schema, root))}"
            return
        schema, path = below, f"{path}[]" if name == "[]" else f"{path}.{name}"
    if chain.binds:
        items = within(schema, "[]", root)
        names.schemas[chain.binds] = UNKNOWN if items is None else items


def _near(name: str, known: "frozenset[str] | list[str]") -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    if near:
        return f": did you mean {near[0]}?"
    return f" (there are: {', '.join(sorted(known))})" if known else ""
