"""An action's parameters: their digest, the resource they name, where their values come from and how wide they open."""

import hashlib
import ipaddress
import re
from collections.abc import Iterator

import orjson

from aivis.errors import Invalid
from aivis.events.actions import ActionRequested, Origin
from aivis.events.envelope import JsonObject

MAX_ARGUMENTS_BYTES = 128 * 1024
"""So that events that repeat the arguments stay under what a record may have."""
_WIDE = {4: 7, 6: 15}
"""Prefix lengths up to which a network counts as the whole internet: it may be cut in halves, or in sixteenths."""
_ZEROS = re.compile(r"^0+(\.0+){0,3}/0+$")
_MAPPED = 96


def canonical(arguments: JsonObject) -> bytes:
    """The arguments as JSON, the same bytes for the same values."""
    return orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)


def digest(tenant: str, case: str, request: ActionRequested) -> str:
    """SHA-256 of the complete parameters: tool, arguments, tenant and case, and of an undo what it undoes."""
    complete = {"tool": request.tool, "arguments": request.arguments, "tenant": tenant, "case": case}
    if request.undoes:
        complete["undoes"] = request.undoes
    return hashlib.sha256(canonical(complete)).hexdigest()


def resource(tool: str, arguments: JsonObject, argument: str) -> str:
    """The resource that an effect acts upon, or `Invalid` when `argument`, which names it, is not there."""
    value = arguments.get(argument)
    if value is None or value == "":
        raise Invalid(f"{tool}: argument {argument!r} names what is acted upon and must be given")
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def origins(request: ActionRequested) -> dict[str, Origin]:
    """The origin of each argument that is there; one whose origin is not said is text."""
    return {name: request.origins.get(name, Origin.TEXT) for name in request.arguments}


def open_to_everyone(arguments: JsonObject) -> list[str]:
    """Names of the arguments that hold, at any depth, a network as wide as the internet, as 0.0.0.0/0 and ::/0 are."""
    return sorted(name for name, value in arguments.items() if any(_is_everyone(text) for text in _texts(value)))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.split(r"[\s,;]+", value)
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


def _is_everyone(text: str) -> bool:
    if _ZEROS.match(text):
        return True
    try:
        network = ipaddress.ip_network(text.partition("-")[0] if "-" in text else text, strict=False)
    except ValueError:
        return False
    first = network.network_address
    if isinstance(first, ipaddress.IPv6Address) and first.ipv4_mapped is not None and network.prefixlen >= _MAPPED:
        return network.prefixlen - _MAPPED <= _WIDE[4]
    return first.is_unspecified or network.prefixlen <= _WIDE[network.version]
