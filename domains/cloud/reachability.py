"""Is a TCP port of an instance reachable, and can an instance reach another: every hop with the rule that decides.

Pure functions on the values of topology.py, in the manner of a VPC reachability analyser: forward packets to the port
asked for, answers to the client's ephemeral ports. Security groups are stateful, so answers ask them nothing; network
ACLs are asked both ways, and only when a packet leaves or enters a subnet. What lies beyond a peering, a private or
transit gateway, or an appliance is not seen and counts as passing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from domains.cloud.deciding import EPHEMERAL, by_routes
from domains.cloud.hops import (
    BEYOND,
    Hop,
    Stop,
    Way,
    acl,
    gateway,
    groups,
    nobody,
    public_address,
    remote_groups,
    route,
)
from domains.cloud.topology import Host, Nat, Network

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""Addresses that the internet does not carry, but private connections do (RFC 1918, RFC 6598)."""
NOBODYS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
"""Addresses from which no connection comes."""


@dataclass(frozen=True)
class Verdict:
    """The hops for one address; of a block, for the first address that does not get through."""

    address: IPv4Address
    hops: tuple[Hop, ...]

    @property
    def wrong(self) -> list[Hop]:
        return [hop for hop in self.hops if not hop.allowed]

    @property
    def decides(self) -> Hop | None:
        return next(iter(self.wrong), None)


def path(network: Network | None, host: Host, source: IPv4Network, port: int) -> Verdict:
    """TCP from `source` to `port` of `host`; of a block, every address must get through (see `addresses`)."""
    return _of_all(network, host, source, lambda way, address: _inbound(way, address, port))


def egress(network: Network | None, host: Host, destination: IPv4Network, port: int) -> Verdict:
    """TCP from `host` to `port` at `destination`; of a block, every address must be reached."""
    return _of_all(network, host, destination, lambda way, address: _outbound(way, address, port))


def _of_all(
    network: Network | None, host: Host, block: IPv4Network, hops: Callable[[Way, IPv4Address], Iterator[Hop]]
) -> Verdict:
    first = _instance(host)
    subnet = network.subnets.get(host.subnet_id or "") if network else None
    if network is None or subnet is None or host.address is None:
        lost = Hop("in", "instance", host.id, "", "no_network", f"{host.id} is in no subnet")
        return Verdict(block.network_address, (first,) if first.code else (first, lost))
    way = Way(network, host, host.address, subnet)
    passing: Verdict | None = None
    for address in addresses(network, block):
        verdict = Verdict(address, (first, *hops(way, address)))
        if verdict.wrong:
            return verdict
        passing = passing or verdict
    return passing or Verdict(block.network_address, (first,))


def _instance(host: Host) -> Hop:
    code = {"running": "", "shutting-down": "instance_terminating", "terminated": "instance_terminating"}.get(
        host.state, "instance_not_running"
    )
    return Hop("in", "instance", host.id, host.state, code, f"instance {host.id} is {host.state}")


def addresses(network: Network, block: IPv4Network) -> list[IPv4Address]:
    """One address of every part of `block` that all rules treat alike, lowest first.

    Of a block that is neither inside the virtual network nor private only public addresses count: 0.0.0.0/0 means
    the internet.
    """
    first, last = int(block.network_address), int(block.broadcast_address)
    points = {first}
    for edge in _edges(network):
        points.update(point for point in (int(edge.network_address), int(edge.broadcast_address) + 1)
                      if first < point <= last)  # fmt: skip
    found = [IPv4Address(point) for point in sorted(points)]
    if block.prefixlen == 32 or any(block.subnet_of(inner) for inner in (*network.blocks, *PRIVATE)):
        return found
    others = (*network.blocks, *PRIVATE, *NOBODYS)
    return [address for address in found if not any(address in other for other in others)] or found


def _edges(network: Network) -> Iterator[IPv4Network]:
    yield from (*network.blocks, *PRIVATE, *NOBODYS)
    for subnet in network.subnets.values():
        yield subnet.network
        yield from (rule.network for rule in subnet.acl.rules)
        yield from (route.destination for route in subnet.table.routes)
    for group in network.groups.values():
        for rule in (*group.ingress, *group.egress):
            yield from rule.networks
    yield from (IPv4Network(address) for address in network.interfaces)


def _inbound(way: Way, source: IPv4Address, port: int) -> Iterator[Hop]:
    if way.network.holds(source):
        yield from _from_inside(way, source, port)
        return
    private, own = _is_private(source), Stop(way.subnet)
    if not private:
        yield public_address(way, "in")
        yield gateway(way.network, "in")
    yield acl(own, "in", source, (port, port), egress=False)
    yield groups(way, "in", source, port)
    yield acl(own, "out", source, EPHEMERAL, egress=True)
    yield route(way.network, own, "out", source, BEYOND if private else ("internet_gateway",))


def _outbound(way: Way, destination: IPv4Address, port: int) -> Iterator[Hop]:
    yield groups(way, "out", destination, port)
    if way.network.holds(destination):
        yield from _to_inside(way, destination, port)
        return
    private, own = _is_private(destination), Stop(way.subnet)
    yield acl(own, "out", destination, (port, port), egress=True)
    kinds = BEYOND if private else ("internet_gateway", "nat_gateway", *BEYOND)
    yield route(way.network, own, "out", destination, kinds)
    leads = by_routes(way.subnet.table, destination)
    if leads is not None and not private and leads.kind == "internet_gateway":
        yield public_address(way, "out")
    if leads is not None and not private and leads.target in way.network.nats:
        yield from _through_nat(way, way.network.nats[leads.target], destination, port)
    yield acl(own, "in", destination, EPHEMERAL, egress=False)


def _from_inside(way: Way, source: IPv4Address, port: int) -> Iterator[Hop]:
    subnet = way.network.subnet_of(source)
    if subnet is None:
        yield nobody("in", source)
        return
    remote, own, crosses = Stop(subnet, "remote_"), Stop(way.subnet), subnet.id != way.subnet.id
    yield remote_groups(way, "in", source, port)
    if crosses:
        yield acl(remote, "in", way.address, (port, port), egress=True)
        yield route(way.network, remote, "in", way.address, ("local",))
        yield acl(own, "in", source, (port, port), egress=False)
    yield groups(way, "in", source, port)
    if crosses:
        yield acl(own, "out", source, EPHEMERAL, egress=True)
        yield route(way.network, own, "out", source, ("local",))
        yield acl(remote, "out", way.address, EPHEMERAL, egress=False)


def _to_inside(way: Way, destination: IPv4Address, port: int) -> Iterator[Hop]:
    subnet = way.network.subnet_of(destination)
    if subnet is None:
        yield nobody("out", destination)
        return
    remote, own, crosses = Stop(subnet, "remote_"), Stop(way.subnet), subnet.id != way.subnet.id
    if crosses:
        yield acl(own, "out", destination, (port, port), egress=True)
        yield route(way.network, own, "out", destination, ("local",))
        yield acl(remote, "out", way.address, (port, port), egress=False)
    yield remote_groups(way, "out", destination, port)
    if crosses:
        yield acl(remote, "in", way.address, EPHEMERAL, egress=True)
        yield route(way.network, remote, "in", way.address, ("local",))
        yield acl(own, "in", destination, EPHEMERAL, egress=False)


def _through_nat(way: Way, nat: Nat, destination: IPv4Address, port: int) -> Iterator[Hop]:
    subnet = way.network.subnets.get(nat.subnet_id)
    if subnet is None:
        yield Hop("out", "nat_gateway", nat.id, "", "nat_no_route", f"NAT gateway {nat.id} is in no known subnet")
        return
    stop, crosses = Stop(subnet, "nat_"), subnet.id != way.subnet.id
    if crosses:
        yield acl(stop, "out", way.address, (port, port), egress=False)
    yield acl(stop, "out", destination, (port, port), egress=True)
    yield route(way.network, stop, "out", destination, ("internet_gateway",))
    yield acl(stop, "in", destination, EPHEMERAL, egress=False)
    if crosses:
        yield acl(stop, "in", way.address, EPHEMERAL, egress=True)


def _is_private(address: IPv4Address) -> bool:
    return any(address in block for block in PRIVATE)
