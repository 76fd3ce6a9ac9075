"""A virtual network as plain values: what the reachability analyser looks at.

Protocols are tcp, udp, icmp, all, or a number as text; ports of "all" are 0 to 65535.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

Ports = tuple[int, int]
"""First and last port, both included."""


@dataclass(frozen=True)
class AclRule:
    number: int
    egress: bool
    protocol: str
    allow: bool
    network: IPv4Network
    ports: Ports


@dataclass(frozen=True)
class Acl:
    """Stateless; rules are looked at by number, the first that matches decides, and none means deny."""

    id: str
    rules: tuple[AclRule, ...]


@dataclass(frozen=True)
class GroupRule:
    """Allows traffic with any of `networks`, or with whoever is in any of `groups`."""

    protocol: str
    ports: Ports
    networks: tuple[IPv4Network, ...] = ()
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        first, last = self.ports
        ports = str(first) if first == last else f"{first}-{last}"
        return f"{self.protocol} {ports} {','.join([*map(str, self.networks), *self.groups])}"


@dataclass(frozen=True)
class Group:
    """Stateful; what no rule allows is denied."""

    id: str
    ingress: tuple[GroupRule, ...]
    egress: tuple[GroupRule, ...]


@dataclass(frozen=True)
class Route:
    destination: IPv4Network
    target: str
    kind: str
    """local, internet_gateway, nat_gateway, network_interface, instance, peering, private_gateway, transit_gateway,
    or other."""
    alive: bool
    """False when the target is gone, detached or not running."""


@dataclass(frozen=True)
class RouteTable:
    """The longest destination that matches decides."""

    id: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Subnet:
    id: str
    network: IPv4Network
    acl: Acl
    table: RouteTable


@dataclass(frozen=True)
class Interface:
    """A network interface of the virtual network, by its private address."""

    address: IPv4Address
    group_ids: tuple[str, ...]


@dataclass(frozen=True)
class Nat:
    """A NAT gateway."""

    id: str
    subnet_id: str


@dataclass(frozen=True)
class Network:
    """A virtual network: all that decides over packets in it."""

    id: str
    blocks: tuple[IPv4Network, ...]
    gateway_id: str | None
    """The internet gateway that is attached."""
    subnets: Mapping[str, Subnet]
    groups: Mapping[str, Group]
    interfaces: Mapping[IPv4Address, Interface]
    nats: Mapping[str, Nat]

    def holds(self, address: IPv4Address) -> bool:
        return any(address in block for block in self.blocks)

    def subnet_of(self, address: IPv4Address) -> Subnet | None:
        return next((each for each in self.subnets.values() if address in each.network), None)


@dataclass(frozen=True)
class Host:
    """The instance asked about, by its primary network interface."""

    id: str
    state: str
    address: IPv4Address | None
    public_address: str | None
    subnet_id: str | None
    group_ids: tuple[str, ...]
