"""The account's configuration as values: what the judge compares before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True)
class Rule:
    """A security group's rule: it admits `peer` (a CIDR block, a group or a prefix list) on ports first to last.

    `protocol` is tcp, udp, icmp, a number, or all.
    """

    protocol: str
    first: int
    last: int
    peer: str


@dataclass(frozen=True)
class Entry:
    """A network ACL's entry; the lowest number that matches decides."""

    number: int
    egress: bool
    allow: bool
    rule: Rule


@dataclass(frozen=True)
class Item:
    """Anything that has an id."""

    id: str
    name: str
    owner: str
    """The customer, by the `owner` tag; empty where there is none."""
    vpc: str


@dataclass(frozen=True)
class Network(Item):
    resolves_names: bool


@dataclass(frozen=True)
class Group(Item):
    ingress: frozenset[Rule]
    egress: frozenset[Rule]


@dataclass(frozen=True)
class Acl(Item):
    entries: frozenset[Entry]
    subnets: frozenset[str]


@dataclass(frozen=True)
class Table(Item):
    main: bool
    routes: frozenset[tuple[str, str]]
    """Destination and target; a target is an id, `local`, or empty where the API names none."""
    subnets: frozenset[str]


@dataclass(frozen=True)
class Gateway(Item):
    """An internet gateway; its `vpc` is empty while it is detached."""


@dataclass(frozen=True)
class Nat(Item):
    state: str


@dataclass(frozen=True)
class Instance(Item):
    state: str
    type: str
    subnet: str
    groups: frozenset[str]
    tags: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Volume(Item):
    gib: int
    instance: str
    """Whom it is attached to; empty: nobody."""


@dataclass(frozen=True)
class Address(Item):
    """An elastic address."""

    ip: str
    instance: str


@dataclass(frozen=True)
class Copy(Item):
    """A snapshot of a volume."""

    volume: str


ItemT = TypeVar("ItemT", bound=Item)


@dataclass(frozen=True)
class Account:
    """Everything in the account that a support agent could change, by id."""

    items: Mapping[str, Item]

    def every(self, kind: type[ItemT]) -> Iterable[ItemT]:
        """All items of one kind."""
        return (item for item in self.items.values() if isinstance(item, kind))

    def find(self, kind: type[ItemT], id: str) -> ItemT | None:
        """The item of that id, if it is there and of that kind."""
        item = self.items.get(id)
        return item if isinstance(item, kind) else None

    def address_of(self, instance: str) -> Address | None:
        """The elastic address that leads to `instance`.

        The addresses' own record is asked: moto goes on showing an address on an instance that lost it.
        """
        return next((address for address in self.every(Address) if address.instance == instance), None)

    def table_of(self, subnet: str, vpc: str) -> Table | None:
        """The route table that rules `subnet`: its own, or the VPC's main one."""
        tables = [table for table in self.every(Table) if table.vpc == vpc]
        own = [table for table in tables if subnet in table.subnets]
        return next(iter(own + [table for table in tables if table.main]), None)

    def acl_of(self, subnet: str) -> Acl | None:
        """The network ACL that rules `subnet`."""
        return next((acl for acl in self.every(Acl) if subnet in acl.subnets), None)

    def groups_of(self, instance: Instance) -> list[Group]:
        """The security groups on `instance`."""
        return [group for group in self.every(Group) if group.id in instance.groups]
