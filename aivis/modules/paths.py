"""Where an expression reads: the names and fields in its text, without evaluating it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}("(\\.|[^"\\])*"|'(\\.|[^'\\])*'))|(?P<number>\d[\w.]*)|(?P<name>[A-Za-z_]\w*)|(?P<sign>\S)"""
)
_LITERALS = frozenset({"true", "false", "null", "in"})
_MACROS = frozenset({"exists", "all", "exists_one", "filter", "map"})
KEEPS_ITEMS = "filter"
"""The macro whose value is a list of what it was applied to."""


@dataclass(frozen=True)
class Chain:
    """A name and what is read from it: `result.rules[0].port` is ("result", ("rules", "[]", "port")).

    `binds` is the variable that a macro at the end of the chain binds to the items of what it names; `asked` is true
    inside has(): the last field may be missing.
    """

    root: str
    fields: tuple[str, ...] = ()
    binds: str = ""
    asked: bool = False


@dataclass
class _Reader:
    tokens: list[str]
    at: int = 0
    chains: list[Chain] = field(default_factory=list)

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""


@lru_cache(maxsize=8192)
def chains(source: str) -> tuple[Chain, ...]:
    """Every name that `source` reads, in order, variables bound by macros included."""
    reader = _Reader([match.group() for match in _TOKEN.finditer(source)])
    while reader.peek():
        _step(reader)
    return tuple(reader.chains)


def _step(reader: _Reader) -> None:
    token, before = reader.peek(), reader.peek(-1) if reader.at else ""
    starts = _is_name(token) and token not in _LITERALS and before != "." and reader.peek(1) != "("
    if not starts:
        reader.at += 1
        return
    asked = before == "(" and reader.at > 1 and reader.peek(-2) == "has"
    reader.at += 1
    _follow(reader, token, asked=asked)


def _follow(reader: _Reader, root: str, *, asked: bool) -> None:
    fields: list[str] = []
    while True:
        if reader.peek() == "." and _is_name(reader.peek(1)) and reader.peek(2) == "(":
            return _method(reader, Chain(root, tuple(fields), asked=asked))
        if reader.peek() == "." and _is_name(reader.peek(1)):
            fields.append(reader.peek(1))
            reader.at += 2
        elif reader.peek() == "[":
            fields.append(_index(reader))
        else:
            reader.chains.append(Chain(root, tuple(fields), asked=asked))
            return None


def _index(reader: _Reader) -> str:
    """Steps over `[...]`, reading what is inside."""
    inside = reader.peek(1)
    end = _closing(reader.tokens, reader.at)
    reader.chains.extend(chains(" ".join(reader.tokens[reader.at + 1 : end])))
    reader.at = end + 1
    return inside[1:-1] if inside[:1] in {'"', "'"} else "[]"


def _method(reader: _Reader, chain: Chain) -> None:
    name, variable = reader.peek(1), reader.peek(3)
    binds = variable if name in _MACROS and reader.peek(4) == "," else ""
    reader.chains.append(Chain(chain.root, chain.fields, binds, chain.asked))
    if not binds:
        reader.at += 2
        return
    end = _closing(reader.tokens, reader.at + 2)
    reader.chains.extend(chains(" ".join(reader.tokens[reader.at + 5 : end])))
    reader.at = end + 1
    if name == KEEPS_ITEMS:
        kept = _Reader(reader.tokens, reader.at)
        _follow(kept, chain.root, asked=False)
        reader.at = kept.at
        reader.chains.extend(_joined(chain, each) if each.root == chain.root else each for each in kept.chains)


def _joined(head: Chain, tail: Chain) -> Chain:
    return Chain(head.root, head.fields + tail.fields, tail.binds)


def _closing(tokens: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] in "([{") - (tokens[place] in ")]}")
        if depth == 0:
            return place
    return len(tokens)


def _is_name(token: str) -> bool:
    return token.isidentifier() and token.isascii()


def bound(source: str) -> set[str]:
    """The variables that macros bind."""
    tokens = [match.group() for match in _TOKEN.finditer(source)]
    opens = range(len(tokens) - 3)
    return {tokens[at + 2] for at in opens if tokens[at] in _MACROS and tokens[at + 1] == "(" and tokens[at + 3] == ","}


def roots(source: str) -> Iterator[tuple[str, str | None]]:
    """(`ticket`, field) and so on for all that is read of `ticket`, `found` and `result`; no field means all of it."""
    for chain in chains(source):
        if chain.root in {"ticket", "found", "result"}:
            yield chain.root, chain.fields[0] if chain.fields and chain.fields[0] != "[]" else None
