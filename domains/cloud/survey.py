"""Reads an instance and its virtual network from the live account into the values of topology.py."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from domains.cloud.account import Account
from domains.cloud.reading.answers import Piece, only, where
from domains.cloud.reading.instances import group_ids, public_addresses, raw_instance
from domains.cloud.reading.networks import acl_entries, attached_to, gateways, protocol, route_tables, routes
from domains.cloud.reading.networks import table_of_subnet as its_table
from domains.cloud.reading.targets import dead_targets
from domains.cloud.topology import (
    Acl,
    AclRule,
    Group,
    GroupRule,
    Host,
    Interface,
    Nat,
    Network,
    Route,
    RouteTable,
    Subnet,
)

Lists = Mapping[str, tuple[IPv4Network, ...]]
"""Prefix lists by id."""


def host(account: Account, instance_id: str) -> Host:
    """The instance as the analyser sees it."""
    piece = raw_instance(account, instance_id)
    address = piece.get("PrivateIpAddress")
    return Host(
        id=instance_id,
        state=piece["State"]["Name"],
        address=IPv4Address(address) if address else None,
        public_address=public_addresses(account).of(piece),
        subnet_id=piece.get("SubnetId"),
        group_ids=tuple(group_ids(piece)),
    )


def network_of(account: Account, subnet_id: str | None) -> Network | None:
    """The whole virtual network of a subnet; None for an instance that is in none."""
    if subnet_id is None:
        return None
    own = only(account.ask("describe_subnets", SubnetIds=[subnet_id])["Subnets"], f"subnet {subnet_id}", account)
    return network(account, own["VpcId"])


def network(account: Account, vpc_id: str) -> Network:
    """One virtual network: nine calls."""
    here = [where("vpc-id", vpc_id)]
    vpc = only(account.ask("describe_vpcs", VpcIds=[vpc_id])["Vpcs"], f"virtual network {vpc_id}", account)
    groups = account.ask("describe_security_groups", Filters=here)["SecurityGroups"]
    tables = route_tables(account, vpc_id)
    lists = _prefix_lists(account, groups, tables)
    interfaces = account.ask("describe_network_interfaces", Filters=here)["NetworkInterfaces"]
    nats = account.ask("describe_nat_gateways", Filter=here)["NatGateways"]
    return Network(
        id=vpc_id,
        blocks=tuple(_blocks(vpc)),
        gateway_id=next((each["InternetGatewayId"] for each in gateways(account) if attached_to(each) == vpc_id), None),
        subnets=_subnets(account, vpc_id, tables, lists),
        groups={each["GroupId"]: _group(each, lists) for each in groups},
        interfaces={each.address: each for piece in interfaces for each in _interfaces(piece)},
        nats={each["NatGatewayId"]: Nat(each["NatGatewayId"], each["SubnetId"]) for each in nats},
    )


def _blocks(vpc: Piece) -> list[IPv4Network]:
    associated = [
        each["CidrBlock"]
        for each in vpc.get("CidrBlockAssociationSet") or []
        if each.get("CidrBlockState", {}).get("State", "associated") == "associated"
    ]
    return [IPv4Network(block) for block in associated or [vpc["CidrBlock"]]]


def _subnets(account: Account, vpc_id: str, tables: list[Piece], lists: Lists) -> dict[str, Subnet]:
    here = [where("vpc-id", vpc_id)]
    pieces = account.ask("describe_subnets", Filters=here)["Subnets"]
    acls = account.ask("describe_network_acls", Filters=here)["NetworkAcls"]
    by_subnet = {each["SubnetId"]: _acl(acl) for acl in acls for each in acl.get("Associations") or []}
    dead = dead_targets(account, vpc_id, tables)
    by_table = {each["RouteTableId"]: _table(each, dead, lists) for each in tables}
    return {
        piece["SubnetId"]: Subnet(
            id=piece["SubnetId"],
            network=IPv4Network(piece["CidrBlock"]),
            acl=by_subnet.get(piece["SubnetId"], Acl("", ())),
            table=by_table[its_table(tables, piece["SubnetId"])[0]["RouteTableId"]],
        )
        for piece in pieces
    }


def _acl(piece: Piece) -> Acl:
    return Acl(
        piece["NetworkAclId"],
        tuple(
            AclRule(
                number=each.rule_number,
                egress=each.egress,
                protocol=each.protocol,
                allow=each.action == "allow",
                network=IPv4Network(each.cidr),
                ports=(each.from_port, each.to_port),
            )
            for each in acl_entries(piece)
        ),
    )


def _table(piece: Piece, dead: set[str], lists: Lists) -> RouteTable:
    found = [
        Route(destination=destination, target=each.target, kind=each.target_kind, alive=each.state == "active")
        for each in routes(piece, dead)
        for destination in _networks(each.destination, lists)
    ]
    return RouteTable(piece["RouteTableId"], tuple(found))


def _networks(value: str, lists: Lists) -> tuple[IPv4Network, ...]:
    return lists.get(value, ()) if value.startswith("pl-") else (IPv4Network(value),)


def _group(piece: Piece, lists: Lists) -> Group:
    return Group(
        piece["GroupId"],
        ingress=tuple(_group_rule(each, lists) for each in piece["IpPermissions"]),
        egress=tuple(_group_rule(each, lists) for each in piece["IpPermissionsEgress"]),
    )


def _group_rule(piece: Piece, lists: Lists) -> GroupRule:
    everything = piece["IpProtocol"] == "-1"
    named = [each["CidrIp"] for each in piece.get("IpRanges", [])]
    named += [each["PrefixListId"] for each in piece.get("PrefixListIds", [])]
    return GroupRule(
        protocol=protocol(piece["IpProtocol"]),
        ports=(0, 65535) if everything else (piece.get("FromPort", 0), piece.get("ToPort", 65535)),
        networks=tuple(network for each in named for network in _networks(each, lists)),
        groups=tuple(each["GroupId"] for each in piece.get("UserIdGroupPairs", [])),
    )


def _interfaces(piece: Piece) -> list[Interface]:
    groups = tuple(group["GroupId"] for group in piece.get("Groups") or [])
    held = {each["PrivateIpAddress"] for each in piece.get("PrivateIpAddresses") or []}
    held |= {piece["PrivateIpAddress"]} if piece.get("PrivateIpAddress") else set()
    return [Interface(IPv4Address(address), groups) for address in sorted(held)]


def _prefix_lists(account: Account, groups: Iterable[Piece], tables: Iterable[Piece]) -> Lists:
    """The prefix lists that rules and routes name; most networks use none, and then nothing is asked."""
    rules = [rule for group in groups for rule in (*group["IpPermissions"], *group["IpPermissionsEgress"])]
    named: set[Any] = {each["PrefixListId"] for rule in rules for each in rule.get("PrefixListIds", [])}
    named |= {route.get("DestinationPrefixListId") for table in tables for route in table["Routes"]} - {None}
    return {each: _prefix_list(account, each) for each in sorted(named)}


def _prefix_list(account: Account, list_id: str) -> tuple[IPv4Network, ...]:
    entries = account.ask("get_managed_prefix_list_entries", PrefixListId=list_id)["Entries"]
    return tuple(IPv4Network(each["Cidr"]) for each in entries if ":" not in each["Cidr"])


@dataclass(frozen=True)
class Surveyed:
    """An instance and the virtual network it is in."""

    host: Host
    network: Network | None


def survey(account: Account, instance_id: str) -> Surveyed:
    """All that decides whether packets reach the instance or leave it."""
    found = host(account, instance_id)
    return Surveyed(found, network_of(account, found.subnet_id))
