"""What a set of firewall rules lets through, exactly: how two sets differ, whatever their spelling.

Rules are boxes of protocol, ports and addresses. Whether they admit something changes only at a box's edges, so
it is enough to look at the edges: 0.0.0.0/1 beside 128.0.0.0/1 is seen to be the whole internet.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from itertools import product
from typing import NamedTuple
from zlib import crc32

from domains.cloud.lab.account import Entry, Rule

Interval = tuple[int, int]
"""First and last, both within."""

ALL_PORTS: Interval = (0, 65535)

EPHEMERAL: Interval = (1024, 65535)
"""Where answers go back to: what clients of any system may pick."""

_PROTOCOLS = ("tcp", "udp", "icmp", "other")

# One line for all addresses: IPv4, then IPv6, then what is no address (groups, prefix lists).
_IPV6 = 2**32
_ELSEWHERE = 2**129


class Point(NamedTuple):
    """One kind of packet: where its port and address lie, and over what protocol."""

    protocol: str
    port: int
    address: int

    def __str__(self) -> str:
        return f"{self.protocol} port {self.port}, address {_written(self.address)}"


def span(peer: str) -> Interval:
    """The stretch of the line that `peer` covers; a group or prefix list has a place of its own."""
    if "/" not in peer:
        place = _ELSEWHERE + crc32(peer.encode())
        return place, place
    network = ip_network(peer, strict=False)
    start = _IPV6 if network.version == 6 else 0
    return start + int(network[0]), start + int(network[-1])


def admits(rules: Iterable[Rule], point: Point) -> bool:
    """Whether any of a security group's rules lets `point` through."""
    return any(_holds(rule, point) for rule in rules)


def decides(entries: Iterable[Entry], point: Point, *, egress: bool) -> Entry | None:
    """The network ACL's entry that decides on `point`; none decides: it is refused."""
    matching = (entry for entry in entries if entry.egress == egress and _holds(entry.rule, point))
    return min(matching, key=lambda entry: entry.number, default=None)


def passes(entries: Iterable[Entry], point: Point, *, egress: bool) -> bool:
    """Whether a network ACL lets `point` through."""
    entry = decides(entries, point, egress=egress)
    return entry is not None and entry.allow


def points(rules: Collection[Rule], within: Rule) -> Iterator[Point]:
    """At least one point of every region that `rules` cut `within` into."""
    ports = _cuts([_ports(rule) for rule in rules], _ports(within))
    addresses = _cuts([span(rule.peer) for rule in rules], span(within.peer))
    protocols = _PROTOCOLS if within.protocol == "all" else (_protocol(within),)
    return (Point(*each) for each in product(protocols, ports, addresses))


def uncovered(rules: Iterable[Rule], cover: Collection[Rule]) -> list[Rule]:
    """Those `rules` that let something through which `cover` does not."""
    return [rule for rule in rules if not all(admits(cover, point) for point in points(cover, rule))]


def newly_passing(now: Collection[Entry], once: Collection[Entry], *, egress: bool) -> list[Point]:
    """What the ACL `now` lets through in that direction and `once` did not: a point of each such region."""
    rules = {entry.rule for entry in (*now, *once) if entry.egress == egress}
    everything = [Rule("all", *ALL_PORTS, peer) for peer in ("0.0.0.0/0", "::/0")]
    return [
        point
        for world in everything
        for point in points(rules, world)
        if passes(now, point, egress=egress) and not passes(once, point, egress=egress)
    ]


def _holds(rule: Rule, point: Point) -> bool:
    if rule.protocol != "all" and _protocol(rule) != point.protocol:
        return False
    return _within(_ports(rule), point.port) and _within(span(rule.peer), point.address)


def _protocol(rule: Rule) -> str:
    return rule.protocol if rule.protocol in _PROTOCOLS else "other"


def _ports(rule: Rule) -> Interval:
    return (rule.first, rule.last) if rule.protocol in ("tcp", "udp") else ALL_PORTS


def _within(interval: Interval, value: int) -> bool:
    return interval[0] <= value <= interval[1]


def _cuts(intervals: Sequence[Interval], whole: Interval) -> list[int]:
    edges = {whole[0]} | {first for first, _ in intervals} | {last + 1 for _, last in intervals}
    return sorted(edge for edge in edges if _within(whole, edge))


def _written(address: int) -> str:
    if address >= _ELSEWHERE:
        return "of another group"
    return str(ip_address(address - _IPV6) if address >= _IPV6 else ip_address(address))
