"""What differs between two readings of the account, in words a person can read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domains.cloud.lab.account import (
    Account,
    Acl,
    Address,
    Copy,
    Entry,
    Gateway,
    Group,
    Instance,
    Item,
    Nat,
    Network,
    Rule,
    Table,
    Volume,
)


class Change(NamedTuple):
    """One thing that became different."""

    item: str
    """The id of what changed."""
    words: str


_WORDS: dict[type[Item], str] = {
    Network: "VPC",
    Group: "security group",
    Acl: "network ACL",
    Table: "route table",
    Gateway: "internet gateway",
    Nat: "NAT gateway",
    Instance: "instance",
    Volume: "volume",
    Address: "address",
    Copy: "snapshot",
}


def changes(before: Account, after: Account) -> tuple[Change, ...]:
    """Everything that differs, in the order of ids."""
    ids = sorted({*before.items, *after.items})
    return tuple(
        Change(id, f"{called(after.items.get(id) or before.items[id])}: {words}")
        for id in ids
        for words in _differences(before.items.get(id), after.items.get(id))
    )


def called(item: Item) -> str:
    """The item as people speak of it: its kind, id and name."""
    label = item.ip if isinstance(item, Address) else item.name
    return f"{_WORDS[type(item)]} {item.id}" + (f" ({label})" if label else "")


def _differences(before: Item | None, after: Item | None) -> Iterator[str]:
    if before is None or after is None:
        lost = "released" if isinstance(before, Address) else "deleted"
        yield "new" if before is None else lost
    elif before != after:
        yield from _fields(before, after)


def _fields(before: Item, after: Item) -> Iterator[str]:
    for field, was in vars(before).items():
        now = getattr(after, field)
        if was == now:
            continue
        if isinstance(was, frozenset) and isinstance(now, frozenset):
            yield from (f"{field} without {words}" for words in sorted(_spoken(was - now)))
            yield from (f"{field} with {words}" for words in sorted(_spoken(now - was)))
        else:
            yield f"{field} {_value(was)} -> {_value(now)}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "nothing"


def _spoken(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, Rule):
            yield rule_words(value)
        elif isinstance(value, Entry):
            way = "out to" if value.egress else "in from"
            yield f"{value.number} {'allow' if value.allow else 'deny'} {way} {rule_words(value.rule)}"
        elif isinstance(value, tuple):
            yield f"{value[0]} = {value[1] or 'nothing'}"
        else:
            yield str(value)


def rule_words(rule: Rule) -> str:
    """The rule as people write it: `203.0.113.7/32 tcp 443`."""
    if rule.protocol not in ("tcp", "udp"):
        return f"{rule.peer} {rule.protocol}"
    ports = str(rule.first) if rule.first == rule.last else f"{rule.first}-{rule.last}"
    return f"{rule.peer} {rule.protocol} {ports}"
