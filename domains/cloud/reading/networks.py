"""Security groups, network ACLs, route tables, gateways and subnets as they are now."""

from collections.abc import Iterable
from typing import Any, Literal

from aivis.errors import NotFound, Refused
from domains.cloud.account import Account
from domains.cloud.models.network import AclEntry, EgressRule, IngressRule, Route, SecurityGroup
from domains.cloud.reading.answers import Piece, only, where

PROTOCOLS = {"-1": "all", "6": "tcp", "17": "udp", "1": "icmp"}
TARGETS = {
    "GatewayId": None,    # local, an internet or a private gateway: its prefix tells
    "NatGatewayId": "nat_gateway",
    "InstanceId": "instance",    # before the interface: a route to an instance names both
    "NetworkInterfaceId": "network_interface",
    "VpcPeeringConnectionId": "peering",
    "TransitGatewayId": "transit_gateway",
}  # fmt: skip
PREFIXES = {"igw": "internet_gateway", "vgw": "private_gateway", "local": "local"}


def protocol(value: str) -> str:
    """tcp, udp, icmp, all, or the number."""
    return PROTOCOLS.get(value, value)


def security_groups(account: Account, ids: list[str]) -> list[SecurityGroup]:
    """The groups, in the order of `ids`."""
    if not ids:
        return []
    found = {each["GroupId"]: each for each in account.ask("describe_security_groups", GroupIds=ids)["SecurityGroups"]}
    return [
        SecurityGroup(
            group_id=each,
            name=found[each]["GroupName"],
            ingress=[IngressRule(**_rule(rule), sources=_peers(rule)) for rule in found[each]["IpPermissions"]],
            egress=[
                EgressRule(**_rule(rule), destinations=_peers(rule)) for rule in found[each]["IpPermissionsEgress"]
            ],
        )
        for each in ids
        if each in found
    ]


def _rule(piece: Piece) -> dict[str, Any]:
    everything = piece["IpProtocol"] == "-1"
    return {
        "protocol": protocol(piece["IpProtocol"]),
        "from_port": 0 if everything else piece.get("FromPort", 0),
        "to_port": 65535 if everything else piece.get("ToPort", 65535),
    }


def _peers(piece: Piece) -> list[str]:
    return [
        *(each["CidrIp"] for each in piece.get("IpRanges", [])),
        *(each["GroupId"] for each in piece.get("UserIdGroupPairs", [])),
        *(each["PrefixListId"] for each in piece.get("PrefixListIds", [])),
    ]


def subnet(account: Account, subnet_id: str) -> Piece:
    """The API's own answer about one subnet."""
    return only(account.ask("describe_subnets", SubnetIds=[subnet_id])["Subnets"], f"subnet {subnet_id}", account)


def subnet_of(piece: Piece) -> str:
    """The subnet of an instance; `Refused` for one that is in none any more."""
    found = piece.get("SubnetId")
    if not found:
        raise Refused(
            f"instance {piece['InstanceId']} is {piece['State']['Name']} and in no subnet; nothing to look at"
        )
    return str(found)


def acl_of_subnet(account: Account, subnet_id: str) -> Piece:
    """The network ACL a subnet uses, as the API gives it."""
    answer = account.ask("describe_network_acls", Filters=[where("association.subnet-id", subnet_id)])
    return only(answer["NetworkAcls"], f"network ACL of subnet {subnet_id}", account)


def acl(account: Account, acl_id: str) -> Piece:
    """One network ACL by its id."""
    answer = account.ask("describe_network_acls", NetworkAclIds=[acl_id])
    return only(answer["NetworkAcls"], f"network ACL {acl_id}", account)


def acl_entries(piece: Piece) -> list[AclEntry]:
    """The IPv4 rules of an ACL: those for entering traffic first, by number."""
    entries = [_entry(each) for each in piece["Entries"] if each.get("CidrBlock")]
    return sorted(entries, key=lambda each: (each.egress, each.rule_number))


def _entry(piece: Piece) -> AclEntry:
    ports = piece.get("PortRange") or {}
    everything = piece["Protocol"] not in ("6", "17", "tcp", "udp") or "From" not in ports
    return AclEntry(
        rule_number=piece["RuleNumber"],
        egress=piece["Egress"],
        protocol=protocol(piece["Protocol"]),
        action=piece["RuleAction"],
        cidr=piece["CidrBlock"],
        from_port=0 if everything else ports["From"],
        to_port=65535 if everything else ports["To"],
    )


def route_tables(account: Account, vpc_id: str) -> list[Piece]:
    """All route tables of a virtual network, as the API gives them."""
    return list(account.ask("describe_route_tables", Filters=[where("vpc-id", vpc_id)])["RouteTables"])


def route_table(account: Account, table_id: str) -> Piece:
    """One route table by its id."""
    answer = account.ask("describe_route_tables", RouteTableIds=[table_id])
    return only(answer["RouteTables"], f"route table {table_id}", account)


def table_of_subnet(tables: Iterable[Piece], subnet_id: str) -> tuple[Piece, Piece]:
    """The table a subnet uses and the association that makes it so: its own, or the main table's."""
    main: tuple[Piece, Piece] | None = None
    for table in tables:
        for association in table.get("Associations") or []:
            if association.get("SubnetId") == subnet_id:
                return table, association
            if association.get("Main"):
                main = table, association
    if main is None:
        raise NotFound(f"subnet {subnet_id} has no route table and its virtual network no main one; check the id")
    return main


def is_main(table: Piece) -> bool:
    return any(association.get("Main") for association in table.get("Associations") or [])


def target(route: Piece) -> tuple[str, str]:
    """Where a route leads: the id and the kind; the id is empty when the target no longer exists."""
    for field, kind in TARGETS.items():
        value = route.get(field)
        if value:
            return value, kind or PREFIXES.get(value.split("-")[0], "other")
    others = ("EgressOnlyInternetGatewayId", "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn")
    return next((str(route[field]) for field in others if route.get(field)), ""), "other"


def routes(table: Piece, dead: set[str]) -> list[Route]:
    """The IPv4 routes; those to targets in `dead`, or to none, are black holes whatever the API says."""
    found = []
    for each in table["Routes"]:
        destination = each.get("DestinationCidrBlock") or each.get("DestinationPrefixListId")
        if destination:
            leads, kind = target(each)
            gone = each.get("State") == "blackhole" or not leads or leads in dead
            state: Literal["active", "blackhole"] = "blackhole" if gone else "active"
            found.append(Route(destination=destination, target=leads, target_kind=kind, state=state))
    return found


def gateways(account: Account) -> list[Piece]:
    """All internet gateways of the account."""
    return list(account.ask("describe_internet_gateways")["InternetGateways"])


def attached_to(gateway: Piece) -> str | None:
    """The virtual network a gateway is attached to."""
    attachments = gateway.get("Attachments") or []
    held = [each for each in attachments if each.get("State") in ("available", "attached", "attaching")]
    return str(held[0]["VpcId"]) if held else None
