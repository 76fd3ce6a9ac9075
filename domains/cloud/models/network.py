"""Networks: security groups, network ACLs, routes, gateways, subnets."""

from typing import Literal

from aivis.toolkit.models import Closed, Result


class IngressRule(Closed):
    """A rule of a security group that lets traffic in."""

    protocol: str
    """tcp, udp, icmp, all, or the protocol's number."""
    from_port: int
    """First port; 0 for all protocols. For icmp the type, -1 for any."""
    to_port: int
    """Last port; 65535 for all protocols. For icmp the code, -1 for any."""
    sources: list[str]
    """Where from: CIDR blocks, ids of security groups, ids of prefix lists."""


class EgressRule(Closed):
    """A rule of a security group that lets traffic out."""

    protocol: str
    """tcp, udp, icmp, all, or the protocol's number."""
    from_port: int
    """First port; 0 for all protocols. For icmp the type, -1 for any."""
    to_port: int
    """Last port; 65535 for all protocols. For icmp the code, -1 for any."""
    destinations: list[str]
    """Where to: CIDR blocks, ids of security groups, ids of prefix lists."""


class SecurityGroup(Closed):
    """One security group. What no rule allows is denied; answers to allowed traffic always pass."""

    group_id: str
    """Id of the group."""
    name: str
    """Its name."""
    ingress: list[IngressRule]
    """Rules for traffic to the instance."""
    egress: list[EgressRule]
    """Rules for traffic from the instance."""


class SecurityGroups(Result):
    """The security groups of one instance."""

    instance_id: str
    """Id of the instance."""
    groups: list[SecurityGroup]
    """Its groups; traffic passes when any rule of any group allows it."""


class AclEntry(Closed):
    """One numbered rule of a network ACL."""

    rule_number: int
    """Lower numbers are looked at first; 32767 is the final rule that denies all."""
    egress: bool
    """True for traffic leaving the subnet, false for traffic entering it."""
    protocol: str
    """tcp, udp, icmp, all, or the protocol's number."""
    action: Literal["allow", "deny"]
    """What happens to traffic that matches."""
    cidr: str
    """The other end's addresses."""
    from_port: int
    """First port at the receiving end; 0 when the rule is for all."""
    to_port: int
    """Last port at the receiving end; 65535 when the rule is for all."""


class NetworkAcl(Result):
    """The network ACL of an instance's subnet: stateless, the first matching rule decides."""

    acl_id: str
    """Id of the network ACL."""
    subnet_id: str
    """The instance's subnet."""
    vpc_id: str
    """The subnet's virtual network."""
    default: bool
    """True when it is the virtual network's default one."""
    entries: list[AclEntry]
    """IPv4 rules: those for entering traffic first, by number."""


class Route(Closed):
    """One route. The longest matching destination decides."""

    destination: str
    """IPv4 CIDR block, or the id of a prefix list."""
    target: str
    """Id of the target; "local" for the virtual network itself."""
    target_kind: str
    """local, internet_gateway, nat_gateway, network_interface, instance, peering, private_gateway, transit_gateway,
    or other."""
    state: Literal["active", "blackhole"]
    """blackhole when the target is gone, detached or not running: traffic is dropped."""


class RouteToInternet(Closed):
    """Another route table of the same virtual network that reaches the internet."""

    route_table_id: str
    """Id of the route table."""
    name: str
    """Value of its tag Name; empty when it has none."""
    main: bool
    """True for the virtual network's main table."""
    gateway_id: str
    """The attached internet gateway its default route leads to."""


class RouteTable(Result):
    """The route table that an instance's subnet uses."""

    route_table_id: str
    """Id of the route table."""
    subnet_id: str
    """The instance's subnet."""
    vpc_id: str
    """The subnet's virtual network."""
    association: Literal["explicit", "main"]
    """explicit when the subnet is associated with it, main when it falls back to the main table."""
    association_id: str | None
    """Id of the explicit association; null for main."""
    routes: list[Route]
    """Its IPv4 routes."""
    reaches_internet: bool
    """True when its active default route leads to an attached internet gateway."""
    others_that_reach_internet: list[RouteToInternet]
    """Other route tables of the virtual network that do."""


class InternetGateway(Result):
    """The internet gateway of an instance's virtual network."""

    vpc_id: str
    """The instance's virtual network."""
    attached: bool
    """True when an internet gateway is attached to it."""
    gateway_id: str | None
    """The attached gateway; null when none is."""
    routed_gateway_ids: list[str]
    """Gateways that routes of this virtual network lead to, attached or not."""
    unattached_gateway_ids: list[str]
    """Gateways of the account that are attached to nothing."""
    candidate_gateway_id: str | None
    """The one to attach when none is attached: an unattached one that the routes lead to, else the only
    unattached one; null when nothing tells which."""


class Subnet(Result):
    """The subnet of an instance."""

    subnet_id: str
    """Id of the subnet."""
    vpc_id: str
    """Its virtual network."""
    cidr: str
    """Its addresses."""
    vpc_cidrs: list[str]
    """The addresses of the whole virtual network."""
    availability_zone: str
    """For example eu-central-1a."""
    maps_public_ip: bool
    """True when new instances get a public address by themselves."""
    available_addresses: int
    """Free addresses."""
    tags: dict[str, str]
    """Its tags."""
