"""A packet evaluator by brute force: it sends every packet of a connection and asks every rule about each port.

Written apart from the analyser, on packets rather than on hops, to be compared with it.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import numpy as np
from numpy.typing import NDArray

from domains.cloud.topology import Acl, Group, Host, Network, RouteTable, Subnet

PORTS = 65536
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
UNSEEN = {"peering", "private_gateway", "transit_gateway", "network_interface", "instance", "other"}


@dataclass(frozen=True)
class Packet:
    source: IPv4Address
    destination: IPv4Address
    ports: NDArray[np.bool_]


def one(port: int) -> NDArray[np.bool_]:
    ports = np.zeros(PORTS, bool)
    ports[port] = True
    return ports


def ephemeral() -> NDArray[np.bool_]:
    ports = np.zeros(PORTS, bool)
    ports[1024:] = True
    return ports


def _passes(acl: Acl, packet: Packet, *, leaving: bool) -> bool:
    """Each port is decided by the first rule, in order of numbers, that names it; undecided ones are dropped."""
    verdict = np.zeros(PORTS, int)
    other = packet.destination if leaving else packet.source
    for rule in sorted(acl.rules, key=lambda each: each.number):
        if rule.egress == leaving and rule.protocol in {"all", "tcp"} and other in rule.network:
            named = np.zeros(PORTS, bool)
            named[rule.ports[0] : rule.ports[1] + 1] = True
            verdict[named & (verdict == 0)] = 1 if rule.allow else -1
    return bool((verdict[packet.ports] == 1).all())


def _leaves(subnet: Subnet, packet: Packet) -> bool:
    return _passes(subnet.acl, packet, leaving=True)


def _enters(subnet: Subnet, packet: Packet) -> bool:
    return _passes(subnet.acl, packet, leaving=False)


def _opens(groups: list[Group], peer: IPv4Address, peers_groups: tuple[str, ...], port: int, *, out: bool) -> bool:
    rules = [rule for group in groups for rule in (group.egress if out else group.ingress)]
    return any(
        rule.protocol in {"all", "tcp"}
        and rule.ports[0] <= port <= rule.ports[1]
        and (any(peer in each for each in rule.networks) or bool(set(peers_groups) & set(rule.groups)))
        for rule in rules
    )


def _next(table: RouteTable, destination: IPv4Address) -> tuple[str, str] | None:
    """Kind and target of the route with the longest prefix; None when none, or a dead one, matches."""
    for length in range(32, -1, -1):
        block = IPv4Network((int(destination), length), strict=False)
        for route in table.routes:
            if route.destination == block:
                return (route.kind, route.target) if route.alive else None
    return None


class World:
    def __init__(self, network: Network, host: Host) -> None:
        assert host.address is not None
        assert host.subnet_id is not None
        self.network, self.host, self.me = network, host, host.address
        self.home = network.subnets[host.subnet_id]
        self.mine = [network.groups[each] for each in host.group_ids]

    def inside(self, address: IPv4Address) -> bool:
        return any(address in block for block in self.network.blocks)

    def private(self, address: IPv4Address) -> bool:
        return any(address in IPv4Network(block) for block in PRIVATE)

    def holder(self, address: IPv4Address) -> tuple[str, ...] | None:
        held = self.network.interfaces.get(address)
        return held.group_ids if held else None

    def _neighbours(self, client: IPv4Address, server: IPv4Address, port: int) -> bool:
        """A connection between two addresses of the virtual network, one of which is the host's."""
        ends = [
            next((each for each in self.network.subnets.values() if address in each.network), None)
            for address in (client, server)
        ]
        if ends[0] is None or ends[1] is None:
            return False
        groups = [self.host.group_ids if address == self.me else self.holder(address) for address in (client, server)]
        if groups[0] is not None and not _opens(self._groups(groups[0]), server, groups[1] or (), port, out=True):
            return False
        if groups[1] is not None and not _opens(self._groups(groups[1]), client, groups[0] or (), port, out=False):
            return False
        if ends[0].id == ends[1].id:
            return True
        there, back = Packet(client, server, one(port)), Packet(server, client, ephemeral())
        routed = [_next(ends[0].table, server), _next(ends[1].table, client)]
        return (
            all(hop is not None and hop[0] == "local" for hop in routed)
            and _leaves(ends[0], there) and _enters(ends[1], there)
            and _leaves(ends[1], back) and _enters(ends[0], back)
        )  # fmt: skip

    def _groups(self, ids: tuple[str, ...]) -> list[Group]:
        return [self.network.groups[each] for each in ids]

    def reached_from(self, source: IPv4Address, port: int) -> bool:
        if self.host.state != "running":
            return False
        if self.inside(source):
            return self._neighbours(source, self.me, port)
        back = _next(self.home.table, source)
        if self.private(source):
            carried = back is not None and back[0] in UNSEEN
        else:
            attached = self.network.gateway_id is not None and self.host.public_address is not None
            carried = attached and back is not None and back[0] == "internet_gateway"
        request, answer = Packet(source, self.me, one(port)), Packet(self.me, source, ephemeral())
        return (
            carried and _enters(self.home, request) and _opens(self.mine, source, (), port, out=False)
            and _leaves(self.home, answer)
        )  # fmt: skip

    def reaches(self, destination: IPv4Address, port: int) -> bool:
        if self.host.state != "running":
            return False
        if self.inside(destination):
            return self._neighbours(self.me, destination, port)
        request, answer = Packet(self.me, destination, one(port)), Packet(destination, self.me, ephemeral())
        return (
            _opens(self.mine, destination, (), port, out=True)
            and _leaves(self.home, request) and _enters(self.home, answer)
            and self._carried(_next(self.home.table, destination), request, answer)
        )  # fmt: skip

    def _carried(self, hop: tuple[str, str] | None, request: Packet, answer: Packet) -> bool:
        kind, target = hop or ("", "")
        if self.private(request.destination) or kind not in {"internet_gateway", "nat_gateway"}:
            return kind in UNSEEN
        if kind == "internet_gateway":
            return self.host.public_address is not None
        return self._by_nat(target, request, answer)

    def _by_nat(self, nat_id: str, request: Packet, answer: Packet) -> bool:
        nat = self.network.nats.get(nat_id)
        if nat is None:
            return True
        subnet = self.network.subnets.get(nat.subnet_id)
        if subnet is None:
            return False
        beyond = _next(subnet.table, request.destination)
        if beyond is None or beyond[0] != "internet_gateway":
            return False
        crossing = subnet.id == self.home.id or (_enters(subnet, request) and _leaves(subnet, answer))
        translated = Packet(IPv4Address("10.20.2.200"), request.destination, request.ports)
        returned = Packet(request.destination, IPv4Address("10.20.2.200"), ephemeral())
        return crossing and _leaves(subnet, translated) and _enters(subnet, returned)
