"""A network in which everything gets through, to spoil in one place."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

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

ALL = IPv4Network("0.0.0.0/0")
VPC = IPv4Network("10.20.0.0/16")
ME, COUSIN = IPv4Address("10.20.1.4"), IPv4Address("10.20.2.5")
HOST = Host("i-1", "running", ME, "198.51.100.1", "home", ("sg-web",))
OPEN = GroupRule("all", (0, 65535), (ALL,))


def block(text: str) -> IPv4Network:
    return IPv4Network(text)


def rule(
    number: int, *, egress: bool, allow: bool, network: str = "0.0.0.0/0", ports: tuple[int, int] = (0, 65535),
    protocol: str = "tcp",
) -> AclRule:  # fmt: skip
    return AclRule(number, egress, protocol, allow, block(network), ports)


def acl(*rules: AclRule, name: str = "acl-home") -> Acl:
    """These rules, then one that allows everything each way."""
    last = [AclRule(1000, egress, "all", allow=True, network=ALL, ports=(0, 65535)) for egress in (False, True)]
    return Acl(name, (*rules, *last))


def table(*routes: Route, name: str = "rtb-home") -> RouteTable:
    """These routes and the network's own."""
    return RouteTable(name, (Route(VPC, "local", "local", alive=True), *routes))


def leads(target: str, *, to: str = "0.0.0.0/0", alive: bool = True) -> Route:
    kinds = {"igw": "internet_gateway", "nat": "nat_gateway", "pcx": "peering", "vgw": "private_gateway"}
    return Route(block(to), target, kinds[target.split("-", 1)[0]], alive=alive)


def network(
    *, home_acl: Acl | None = None, home_table: RouteTable | None = None, group: Group | None = None,
    other_acl: Acl | None = None, nat_acl: Acl | None = None, nat_table: RouteTable | None = None,
) -> Network:  # fmt: skip
    online = table(leads("igw-1"))
    return Network(
        id="vpc-1",
        blocks=(VPC,),
        gateway_id="igw-1",
        subnets={
            "home": Subnet("home", block("10.20.1.0/24"), home_acl or acl(), home_table or online),
            "other": Subnet("other", block("10.20.2.0/24"), other_acl or acl(name="acl-other"), online),
            "nat": Subnet("nat", block("10.20.3.0/24"), nat_acl or acl(name="acl-nat"), nat_table or online),
        },
        groups={
            "sg-web": group or Group("sg-web", (OPEN,), (OPEN,)),
            "sg-app": Group("sg-app", (OPEN,), (OPEN,)),
        },
        interfaces={ME: Interface(ME, ("sg-web",)), COUSIN: Interface(COUSIN, ("sg-app",))},
        nats={"nat-1": Nat("nat-1", "nat")},
    )


def without_gateway(found: Network) -> Network:
    return replace(found, gateway_id=None)
