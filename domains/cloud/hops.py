"""One hop each: what a component says of the packets that pass it, in a code and in words."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from domains.cloud.deciding import Ruling, by_acl, by_groups, by_routes
from domains.cloud.topology import Group, Host, Network, Ports, Route, Subnet

BEYOND = ("peering", "private_gateway", "transit_gateway", "network_interface", "instance", "other")
"""Targets of routes behind which nothing is seen."""


@dataclass(frozen=True)
class Hop:
    """One component on the way; `code` is empty when it lets the packet pass."""

    direction: str
    """in: towards the instance; out: away from it."""
    component: str
    id: str
    rule: str
    code: str
    explains: str

    @property
    def allowed(self) -> bool:
        return not self.code


@dataclass(frozen=True)
class Way:
    """Where the host's packets start and end."""

    network: Network
    host: Host
    address: IPv4Address
    subnet: Subnet


@dataclass(frozen=True)
class Stop:
    """A subnet that packets leave or enter: the host's own, the `remote_` end's, or a `nat_` gateway's."""

    subnet: Subnet
    of: str = ""


def public_address(way: Way, direction: str) -> Hop:
    public = way.host.public_address
    if public is None:
        says = f"{way.host.id} has no public address, so the internet cannot reach it nor answer it"
        return Hop(direction, "public_address", "", "", "no_public_address", says)
    return Hop(direction, "public_address", public, public, "", f"{public} is mapped to {way.address}")


def gateway(network: Network, direction: str) -> Hop:
    attached = network.gateway_id
    if attached is None:
        says = f"no internet gateway is attached to {network.id}"
        return Hop(direction, "internet_gateway", "", "", "gateway_detached", says)
    return Hop(direction, "internet_gateway", attached, "", "", f"{attached} is attached to {network.id}")


def nobody(direction: str, address: IPv4Address) -> Hop:
    says = f"{address} is in the virtual network but in none of its subnets: nothing can have it"
    return Hop(direction, "remote_subnet", "", "", "remote_unknown", says)


def acl(stop: Stop, direction: str, peer: IPv4Address, ports: Ports, *, egress: bool) -> Hop:
    """`peer` is the other end as the subnet sees it; `ports` are at the end that receives the packet."""
    found = stop.subnet.acl
    ruling = by_acl(found, egress=egress, peer=peer, ports=ports)
    codes = {"remote_": "remote_acl_denies", "nat_": "nat_acl_denies"}
    code = "" if ruling.allowed else codes.get(stop.of, "acl_denies_out" if egress else "acl_denies_in")
    verb = "lets" if ruling.allowed else "does not let"
    says = (
        f"rule {ruling.rule} of {found.id} {verb} TCP port {_written(ruling.ports)} "
        f"{'leave' if egress else 'enter'} {stop.subnet.id} {'to' if egress else 'from'} {peer}"
    )
    return Hop(direction, f"{stop.of}network_acl", found.id, ruling.rule, code, says)


def groups(way: Way, direction: str, peer: IPv4Address, port: int) -> Hop:
    """The host's own security groups, asked when a connection begins."""
    held = _held(way.network, way.host.group_ids)
    interface = way.network.interfaces.get(peer)
    ruling = by_groups(
        held, egress=direction == "out", peer=peer, peer_group_ids=interface.group_ids if interface else (), port=port
    )
    code = "" if ruling.allowed else f"sg_denies_{direction}"
    return _group_hop(
        direction, "security_group", held, ruling, (code, f"{'to' if direction == 'out' else 'from'} {peer}")
    )


def remote_groups(way: Way, direction: str, peer: IPv4Address, port: int) -> Hop:
    """The security groups of the other end; without a network interface there are none to ask."""
    interface = way.network.interfaces.get(peer)
    if interface is None:
        says = f"no network interface of {way.network.id} has {peer}, so no security group is asked at that end"
        return Hop(direction, "remote_security_group", "", "", "", says)
    held = _held(way.network, interface.group_ids)
    ruling = by_groups(held, egress=direction == "in", peer=way.address, peer_group_ids=way.host.group_ids, port=port)
    code = "" if ruling.allowed else "remote_sg_denies"
    told = f"{'to' if direction == 'in' else 'from'} {way.address}"
    return _group_hop(direction, "remote_security_group", held, ruling, (code, told))


def _held(network: Network, ids: tuple[str, ...]) -> list[Group]:
    return [network.groups[each] for each in ids if each in network.groups]


def _group_hop(direction: str, component: str, held: list[Group], ruling: Ruling, told: tuple[str, str]) -> Hop:
    code, peer = told
    ids = ruling.id or ",".join(group.id for group in held)
    if code:
        says = f"no rule of {ids or 'any group'} allows TCP port {ruling.ports[0]} {peer}"
    else:
        says = f"rule [{ruling.rule}] of {ids} allows TCP port {ruling.ports[0]} {peer}"
    return Hop(direction, component, ids, ruling.rule, code, says)


def route(network: Network, stop: Stop, direction: str, destination: IPv4Address, kinds: tuple[str, ...]) -> Hop:
    """The subnet's route to `destination`, which has to lead to one of `kinds`."""
    table = stop.subnet.table
    found = by_routes(table, destination)
    code, why = _wrong(network, found, kinds)
    if code and stop.of == "nat_":
        code = "nat_no_route"
    told = f"{table.id}: " + ("no route" if found is None else f"route {found.destination} to {found.target}")
    says = f"{told} for {destination}{': ' + why if why else ''}"
    rule = "" if found is None else str(found.destination)
    return Hop(direction, f"{stop.of}route_table", table.id, rule, code, says)


def _wrong(network: Network, found: Route | None, kinds: tuple[str, ...]) -> tuple[str, str]:
    if found is None:
        return "no_route", "packets are dropped"
    if found.kind == "internet_gateway" and not found.alive and network.gateway_id is None:
        return "gateway_detached", f"no internet gateway is attached to {network.id}"
    if not found.alive:
        return "blackhole_route", "the target is gone, detached or not running, so packets are dropped"
    if found.kind not in kinds:
        return "route_elsewhere", f"a {found.kind.replace('_', ' ')} does not lead there"
    return "", f"through the {found.kind.replace('_', ' ')}" if found.kind in BEYOND else ""


def _written(ports: Ports) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
