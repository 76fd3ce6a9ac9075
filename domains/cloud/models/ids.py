"""How the cloud names things, and the values that are checked by their form."""

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo


def _network(value: str) -> str:
    """`value` as a CIDR block in canonical form: "203.0.113.7" is "203.0.113.7/32", "10.0.0.9/8" is "10.0.0.0/8"."""
    return str(IPv4Network(value, strict=False))


def _address(value: str) -> str:
    return str(IPv4Address(value))


def _peer(value: str) -> str:
    return value if re.fullmatch(r"sg-[0-9a-f]{8,17}", value) else _network(value)


def _named(prefix: str, what: str) -> FieldInfo:
    info: FieldInfo = Field(pattern=rf"^{prefix}-[0-9a-f]{{8,17}}$", description=what)
    return info


InstanceId = Annotated[str, _named("i", "Id of an instance, for example i-0a1b2c3d4e5f60718.")]
VolumeId = Annotated[str, _named("vol", "Id of a volume, for example vol-0a1b2c3d4e5f60718.")]
GroupId = Annotated[str, _named("sg", "Id of a security group, for example sg-0a1b2c3d4e5f60718.")]
AclId = Annotated[str, _named("acl", "Id of a network ACL, for example acl-0a1b2c3d4e5f60718.")]
RouteTableId = Annotated[str, _named("rtb", "Id of a route table, for example rtb-0a1b2c3d4e5f60718.")]
GatewayId = Annotated[str, _named("igw", "Id of an internet gateway, for example igw-0a1b2c3d4e5f60718.")]
VpcId = Annotated[str, _named("vpc", "Id of a virtual network (VPC), for example vpc-0a1b2c3d4e5f60718.")]
SubnetId = Annotated[str, _named("subnet", "Id of a subnet, for example subnet-0a1b2c3d4e5f60718.")]
RouteTarget = Annotated[
    str,
    Field(
        pattern=r"^(igw|nat|eni|pcx|vgw|tgw|i)-[0-9a-f]{8,17}$",
        description="Where the route leads: id of an internet gateway (igw-), NAT gateway (nat-), network interface "
        "(eni-), peering (pcx-), private gateway (vgw-), transit gateway (tgw-) or instance (i-).",
    ),
]
ResourceId = Annotated[
    str, Field(pattern=r"^[a-z]{1,16}-[0-9a-f]{8,17}$", description="Id of any resource that carries tags.")
]
InstanceType = Annotated[
    str,
    Field(pattern=r"^[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}$", description="Name of an instance type, for example t3.large."),
]
Address = Annotated[
    str, Field(max_length=15, description="An IPv4 address, for example 203.0.113.7."), AfterValidator(_address)
]
Network = Annotated[
    str,
    Field(max_length=18, description="An IPv4 address or CIDR block; an address counts as its /32."),
    AfterValidator(_network),
]
Peer = Annotated[
    str,
    Field(max_length=24, description="An IPv4 address, a CIDR block, or the id of a security group (sg-)."),
    AfterValidator(_peer),
]
Port = Annotated[int, Field(ge=0, le=65535, description="A TCP or UDP port.")]
