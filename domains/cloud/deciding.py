"""Which rule decides: of a network ACL, of security groups, of a route table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from domains.cloud.topology import Acl, AclRule, Group, GroupRule, Ports, Route, RouteTable

EPHEMERAL: Ports = (1024, 65535)
"""The ports that clients and NAT gateways take for answers."""
LAST = 32767
"""The number of the rule of an ACL that denies what no other matches."""


@dataclass(frozen=True)
class Ruling:
    """What a component says of a packet, and which rule makes it say so."""

    allowed: bool
    rule: str
    ports: Ports
    """Of a refusal, the ports that are refused."""
    id: str = ""
    """The group that allows."""


def by_acl(acl: Acl, *, egress: bool, peer: IPv4Address, ports: Ports) -> Ruling:
    """TCP with `peer` to all of `ports` at the receiving end. Refused when any of the ports is."""
    left, rule = [ports], "*"
    for each in sorted(acl.rules, key=lambda rule: rule.number):
        if not _concerns(each, egress=egress, peer=peer):
            continue
        rule = "*" if each.number == LAST else str(each.number)
        hit = [overlap for part in left if (overlap := _overlap(part, each.ports))]
        if hit and not each.allow:
            return Ruling(allowed=False, rule=rule, ports=hit[0])
        left = [rest for part in left for rest in _without(part, each.ports)]
        if not left:
            return Ruling(allowed=True, rule=rule, ports=ports)
    return Ruling(allowed=False, rule="*", ports=left[0])


def _concerns(rule: AclRule, *, egress: bool, peer: IPv4Address) -> bool:
    return rule.egress is egress and rule.protocol in ("tcp", "all") and peer in rule.network


def _overlap(one: Ports, other: Ports) -> Ports | None:
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def _without(part: Ports, cut: Ports) -> list[Ports]:
    """What is left of `part` without `cut`: none, one or two ranges."""
    if _overlap(part, cut) is None:
        return [part]
    rests = [(part[0], cut[0] - 1), (cut[1] + 1, part[1])]
    return [rest for rest in rests if rest[0] <= rest[1]]


def by_groups(
    groups: Sequence[Group], *, egress: bool, peer: IPv4Address, peer_group_ids: Iterable[str], port: int
) -> Ruling:
    """TCP with `peer`, who is in the groups `peer_group_ids`, to `port`; any rule of any group allows."""
    theirs = set(peer_group_ids)
    for group in groups:
        for rule in group.egress if egress else group.ingress:
            if _allows(rule, peer=peer, theirs=theirs, port=port):
                return Ruling(allowed=True, rule=str(rule), ports=(port, port), id=group.id)
    return Ruling(allowed=False, rule="", ports=(port, port))


def _allows(rule: GroupRule, *, peer: IPv4Address, theirs: set[str], port: int) -> bool:
    if rule.protocol not in ("tcp", "all") or not rule.ports[0] <= port <= rule.ports[1]:
        return False
    return any(peer in network for network in rule.networks) or not theirs.isdisjoint(rule.groups)


def by_routes(table: RouteTable, destination: IPv4Address) -> Route | None:
    """The route with the longest destination that matches; None when none does."""
    matching = [route for route in table.routes if destination in route.destination]
    return max(matching, key=lambda route: route.destination.prefixlen, default=None)
