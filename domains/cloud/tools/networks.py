"""Reads about security groups, network ACLs, routes, gateways and subnets."""

from aivis.toolkit import Call, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.instances import OfInstance
from domains.cloud.models.network import (
    InternetGateway,
    NetworkAcl,
    Route,
    RouteTable,
    RouteToInternet,
    SecurityGroups,
    Subnet,
)
from domains.cloud.reading import networks as reading
from domains.cloud.reading.answers import Piece, only, tags
from domains.cloud.reading.instances import group_ids, raw_instance
from domains.cloud.reading.targets import dead_targets
from domains.cloud.tools.declaring import READS

tools = ToolSet[Account]()


@tools.tool(name="cloud.describe_security_groups", resource="instance_id", **READS)
def describe_security_groups(arguments: OfInstance, call: Call[Account]) -> SecurityGroups:
    """List the security groups of an instance with their rules, both ways.

    Use it when the path analysis says that a security group denies, or to name the group to change.
    """
    ids = group_ids(raw_instance(call.system, arguments.instance_id))
    return SecurityGroups(instance_id=arguments.instance_id, groups=reading.security_groups(call.system, ids))


@tools.tool(name="cloud.describe_network_acl", resource="instance_id", **READS)
def describe_network_acl(arguments: OfInstance, call: Call[Account]) -> NetworkAcl:
    """List the rules of the network ACL of an instance's subnet, in the order in which they are looked at.

    Use it when the path analysis says that a network ACL denies: an ACL is stateless, so answers to ports 1024-65535
    need a rule too.
    """
    subnet_id = reading.subnet_of(raw_instance(call.system, arguments.instance_id))
    found = reading.acl_of_subnet(call.system, subnet_id)
    return NetworkAcl(
        acl_id=found["NetworkAclId"],
        subnet_id=subnet_id,
        vpc_id=found["VpcId"],
        default=bool(found.get("IsDefault")),
        entries=reading.acl_entries(found),
    )


@tools.tool(name="cloud.describe_route_table", resource="instance_id", **READS)
def describe_route_table(arguments: OfInstance, call: Call[Account]) -> RouteTable:
    """List the routes of an instance's subnet, say whether the internet is reached, and which other tables reach it.

    Use it when the path analysis says there is no route, a dead one, or one that leads elsewhere.
    """
    piece = raw_instance(call.system, arguments.instance_id)
    subnet_id = reading.subnet_of(piece)
    tables = reading.route_tables(call.system, piece["VpcId"])
    dead = dead_targets(call.system, piece["VpcId"], tables)
    table, association = reading.table_of_subnet(tables, subnet_id)
    routes = reading.routes(table, dead)
    explicit = association.get("SubnetId") == subnet_id
    return RouteTable(
        route_table_id=table["RouteTableId"],
        subnet_id=subnet_id,
        vpc_id=piece["VpcId"],
        association="explicit" if explicit else "main",
        association_id=association["RouteTableAssociationId"] if explicit else None,
        routes=routes,
        reaches_internet=_to_internet(routes) is not None,
        others_that_reach_internet=_others(tables, table, dead),
    )


def _to_internet(routes: list[Route]) -> str | None:
    """The gateway that the active default route leads to."""
    default = [
        each.target
        for each in routes
        if each.destination == "0.0.0.0/0" and each.target_kind == "internet_gateway" and each.state == "active"
    ]
    return default[0] if default else None


def _others(tables: list[Piece], own: Piece, dead: set[str]) -> list[RouteToInternet]:
    found = []
    for table in tables:
        gateway = _to_internet(reading.routes(table, dead))
        if gateway is not None and table["RouteTableId"] != own["RouteTableId"]:
            found.append(
                RouteToInternet(
                    route_table_id=table["RouteTableId"],
                    name=tags(table).get("Name", ""),
                    main=reading.is_main(table),
                    gateway_id=gateway,
                )
            )
    return sorted(found, key=lambda each: each.route_table_id)


@tools.tool(name="cloud.describe_internet_gateway", resource="instance_id", **READS)
def describe_internet_gateway(arguments: OfInstance, call: Call[Account]) -> InternetGateway:
    """Tell whether an internet gateway is attached to an instance's virtual network, and which one could be.

    Use it when the path analysis says that the gateway is detached.
    """
    piece = raw_instance(call.system, arguments.instance_id)
    reading.subnet_of(piece)
    vpc_id = piece["VpcId"]
    every = {each["InternetGatewayId"]: reading.attached_to(each) for each in reading.gateways(call.system)}
    attached = next((gateway for gateway, vpc in every.items() if vpc == vpc_id), None)
    free = sorted(gateway for gateway, vpc in every.items() if vpc is None)
    routed = _routed(reading.route_tables(call.system, vpc_id))
    return InternetGateway(
        vpc_id=vpc_id,
        attached=attached is not None,
        gateway_id=attached,
        routed_gateway_ids=routed,
        unattached_gateway_ids=free,
        candidate_gateway_id=None if attached else _candidate(free, routed),
    )


def _routed(tables: list[Piece]) -> list[str]:
    leads = [reading.target(route) for table in tables for route in table["Routes"]]
    return sorted({target for target, kind in leads if kind == "internet_gateway"})


def _candidate(free: list[str], routed: list[str]) -> str | None:
    fitting = [gateway for gateway in free if gateway in routed]
    for choice in (fitting, free):
        if len(choice) == 1:
            return choice[0]
    return None


@tools.tool(name="cloud.describe_subnet", resource="instance_id", **READS)
def describe_subnet(arguments: OfInstance, call: Call[Account]) -> Subnet:
    """Describe an instance's subnet: its addresses, its virtual network's, and whether it gives public addresses.

    Use it to see whether two addresses are in one network, or why an instance got no public address.
    """
    found = reading.subnet(call.system, reading.subnet_of(raw_instance(call.system, arguments.instance_id)))
    vpcs = call.system.ask("describe_vpcs", VpcIds=[found["VpcId"]])["Vpcs"]
    vpc = only(vpcs, f"virtual network {found['VpcId']}", call.system)
    blocks = [each["CidrBlock"] for each in vpc.get("CidrBlockAssociationSet") or []]
    return Subnet(
        subnet_id=found["SubnetId"],
        vpc_id=found["VpcId"],
        cidr=found["CidrBlock"],
        vpc_cidrs=blocks or [vpc["CidrBlock"]],
        availability_zone=found.get("AvailabilityZone", ""),
        maps_public_ip=bool(found.get("MapPublicIpOnLaunch")),
        available_addresses=found.get("AvailableIpAddressCount", 0),
        tags=tags(found),
    )
