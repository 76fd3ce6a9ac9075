"""Can packets get from here to there and back? The judge's own answer, from the account's configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from domains.cloud.lab.account import Account, Gateway, Instance, Rule
from domains.cloud.lab.openings import EPHEMERAL, Point, admits, passes, points


@dataclass(frozen=True)
class Flow:
    """A TCP connection between an instance and everyone in `peer` (IPv4 CIDR) over the internet.

    `port` is where it is answered: at the instance, or at the peer where the instance reaches out.
    """

    instance: str
    port: int
    peer: str
    outbound: bool = False


def obstacles(account: Account, flow: Flow) -> tuple[str, ...]:
    """What stands in the way of `flow`, each in words; none: every packet gets there, and every answer back."""
    instance = account.find(Instance, flow.instance)
    if instance is None:
        return (f"instance {flow.instance} does not exist",)
    return tuple(_obstacles(account, flow, instance))


def _obstacles(account: Account, flow: Flow, instance: Instance) -> Iterator[str]:
    if instance.state != "running":
        yield f"instance {instance.id} is {instance.state}"
    if account.address_of(instance.id) is None:
        yield f"instance {instance.id} has no elastic address"
    yield from _groups(account, flow, instance)
    yield from _acl(account, flow, instance)
    yield from _route(account, flow, instance)


def _groups(account: Account, flow: Flow, instance: Instance) -> Iterator[str]:
    groups = account.groups_of(instance)
    rules = [rule for group in groups for rule in (group.egress if flow.outbound else group.ingress)]
    asked = Rule("tcp", flow.port, flow.port, flow.peer)
    refused = next((point for point in points(rules, asked) if not admits(rules, point)), None)
    if refused is not None:
        yield f"the security groups do not let {'out' if flow.outbound else 'in'} {refused}"


def _acl(account: Account, flow: Flow, instance: Instance) -> Iterator[str]:
    acl = account.acl_of(instance.subnet)
    entries = acl.entries if acl else frozenset()
    rules = [entry.rule for entry in entries]
    legs = (
        (Rule("tcp", flow.port, flow.port, flow.peer), flow.outbound, "requests"),
        (Rule("tcp", *EPHEMERAL, flow.peer), not flow.outbound, "answers"),
    )
    for asked, egress, what in legs:
        refused: Point | None = next((p for p in points(rules, asked) if not passes(entries, p, egress=egress)), None)
        if refused is not None:
            yield f"the network ACL stops {what} going {'out' if egress else 'in'}: {refused}"


def _route(account: Account, flow: Flow, instance: Instance) -> Iterator[str]:
    table = account.table_of(instance.subnet, instance.vpc)
    routes = [(IPv4Network(to), target) for to, target in table.routes if "." in to] if table else []
    inside = [block for block, target in routes if target == "local"]
    peer = IPv4Network(flow.peer)
    edges = {peer[0]} | {block[0] for block, _ in routes if block[0] in peer}
    for address in sorted(edge for edge in edges if not any(edge in block for block in inside)):
        target = max(((block.prefixlen, target) for block, target in routes if address in block), default=(0, ""))[1]
        gateway = account.find(Gateway, target)
        if gateway is None or gateway.vpc != instance.vpc:
            yield f"the route to {address} leads to {target or 'nothing'}, not to an attached internet gateway"
