"""Which targets of routes are dead: gone, detached or not running. Packets to them are dropped."""

from collections.abc import Iterable

from domains.cloud.account import Account
from domains.cloud.reading.answers import Piece, where
from domains.cloud.reading.networks import attached_to, gateways, target


def dead_targets(account: Account, vpc_id: str, tables: Iterable[Piece]) -> set[str]:
    """The dead ones among the targets of `tables`; a kind that is not looked at counts as the API says."""
    named: dict[str, set[str]] = {}
    for table in tables:
        for route in table["Routes"]:
            leads, kind = target(route)
            named.setdefault(kind, set()).add(leads)
    alive = {
        "internet_gateway": _gateways,
        "nat_gateway": _nats,
        "instance": _instances,
        "network_interface": _interfaces,
        "peering": _peerings,
    }
    dead: set[str] = set()
    for kind, look in alive.items():
        ids = named.get(kind, set()) - {""}
        if ids:
            dead |= ids - look(account, vpc_id, sorted(ids))
    return dead


def _gateways(account: Account, vpc_id: str, ids: list[str]) -> set[str]:
    return {each["InternetGatewayId"] for each in gateways(account) if attached_to(each) == vpc_id}


def _nats(account: Account, vpc_id: str, ids: list[str]) -> set[str]:
    found = account.ask("describe_nat_gateways", Filter=[where("vpc-id", vpc_id)])["NatGateways"]
    return {each["NatGatewayId"] for each in found if each["State"] == "available"}


def _instances(account: Account, vpc_id: str, ids: list[str]) -> set[str]:
    found = account.ask("describe_instances", Filters=[where("instance-id", *ids)])["Reservations"]
    pieces = [each for reservation in found for each in reservation["Instances"]]
    return {each["InstanceId"] for each in pieces if each["State"]["Name"] == "running"}


def _interfaces(account: Account, vpc_id: str, ids: list[str]) -> set[str]:
    filters = [where("network-interface-id", *ids)]
    found = account.ask("describe_network_interfaces", Filters=filters)["NetworkInterfaces"]
    return {each["NetworkInterfaceId"] for each in found if each.get("Status") == "in-use"}


def _peerings(account: Account, vpc_id: str, ids: list[str]) -> set[str]:
    filters = [where("vpc-peering-connection-id", *ids)]
    found = account.ask("describe_vpc_peering_connections", Filters=filters)["VpcPeeringConnections"]
    return {each["VpcPeeringConnectionId"] for each in found if each["Status"]["Code"] == "active"}
