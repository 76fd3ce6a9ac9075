"""Arguments and results of effects on instances, rules, routes and gateways."""

from typing import Literal

from pydantic import Field, model_validator

from aivis.toolkit.models import Arguments, Result
from domains.cloud.models.ids import (
    AclId,
    GatewayId,
    GroupId,
    InstanceId,
    InstanceType,
    Network,
    Peer,
    Port,
    RouteTableId,
    RouteTarget,
    SubnetId,
    VpcId,
)
from domains.cloud.models.network import AclEntry


class StateChange(Result):
    """An instance's state, now and before."""

    instance_id: str
    """Id of the instance."""
    state: str
    """State now."""
    previous_state: str
    """State before."""
    changed: bool
    """False when it was so already."""


class Rebooted(Result):
    """An instance that was told to reboot."""

    instance_id: str
    """Id of the instance."""
    state: str
    """State now."""


class ResizeInstance(Arguments):
    """Gives a stopped instance another type."""

    instance_id: InstanceId
    instance_type: InstanceType


class TypeChange(Result):
    """An instance's type, now and before."""

    instance_id: str
    """Id of the instance."""
    instance_type: str
    """Type now."""
    previous_type: str
    """Type before."""
    changed: bool
    """False when it was so already."""


class SetRule(Arguments):
    """Names one rule of a security group."""

    group_id: GroupId
    port: Port
    source: Peer
    """The other end: where traffic comes from for ingress, where it goes to for egress."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """tcp or udp."""


class RuleChange(Result):
    """A rule of a security group that was added or taken away."""

    group_id: str
    """Id of the group."""
    direction: Literal["ingress", "egress"]
    """Which rules."""
    protocol: str
    """tcp or udp."""
    port: int
    """The port."""
    source: str
    """The other end."""
    description: str
    """The rule's description."""
    present: bool
    """Whether the rule is there now."""
    changed: bool
    """False when it was so already."""


class SetAclEntry(Arguments):
    """One numbered rule of a network ACL."""

    acl_id: AclId
    rule_number: int = Field(ge=1, le=32766)
    """Lower numbers are looked at first."""
    egress: bool
    """True for traffic leaving the subnet, false for traffic entering it."""
    action: Literal["allow", "deny"]
    """What happens to traffic that matches."""
    cidr: Network
    """The other end's addresses."""
    protocol: Literal["tcp", "udp", "all"] = "tcp"
    """tcp, udp or all."""
    from_port: Port = 0
    """First port at the receiving end; for all it is 0."""
    to_port: Port = 65535
    """Last port at the receiving end; for all it is 65535."""

    @model_validator(mode="after")
    def _ordered(self) -> "SetAclEntry":
        if self.from_port > self.to_port:
            raise ValueError("from_port must not be greater than to_port")
        if self.protocol == "all" and (self.from_port, self.to_port) != (0, 65535):
            raise ValueError("a rule for all protocols has no ports: leave from_port and to_port out")
        return self


class DeleteAclEntry(Arguments):
    """Names one numbered rule of a network ACL."""

    acl_id: AclId
    rule_number: int = Field(ge=1, le=32766)
    """The rule's number."""
    egress: bool
    """True for traffic leaving the subnet, false for traffic entering it."""


class AclChange(Result):
    """A rule of a network ACL, now and before."""

    acl_id: str
    """Id of the network ACL."""
    rule_number: int
    """The rule's number."""
    egress: bool
    """True for traffic leaving the subnet, false for traffic entering it."""
    entry: AclEntry | None
    """The rule now; null when there is none."""
    previous: AclEntry | None
    """The rule before; null when there was none."""
    changed: bool
    """False when it was so already."""


class SetRoute(Arguments):
    """One route of a route table."""

    route_table_id: RouteTableId
    destination: Network
    """Which addresses it is for; 0.0.0.0/0 for all that no other route names."""
    target: RouteTarget


class DeleteRoute(Arguments):
    """Names one route of a route table."""

    route_table_id: RouteTableId
    destination: Network
    """The route's destination."""


class RouteChange(Result):
    """A route, now and before."""

    route_table_id: str
    """Id of the route table."""
    destination: str
    """The route's destination."""
    target: str | None
    """Where it leads now; null when there is none."""
    previous_target: str | None
    """Where it led before; null when there was none."""
    changed: bool
    """False when it was so already."""


class AssociateRouteTable(Arguments):
    """Makes a subnet use a route table."""

    subnet_id: SubnetId
    route_table_id: RouteTableId


class AssociationChange(Result):
    """The route table of a subnet, now and before."""

    subnet_id: str
    """Id of the subnet."""
    route_table_id: str
    """The route table it uses now."""
    association_id: str
    """Id of the association."""
    previous_route_table_id: str
    """The route table it used before."""
    previous_association: Literal["explicit", "main"]
    """Whether it was associated with that one, or fell back to the main table."""
    changed: bool
    """False when it was so already."""


class AttachGateway(Arguments):
    """Attaches an internet gateway to a virtual network."""

    gateway_id: GatewayId
    vpc_id: VpcId


class GatewayAttached(Result):
    """An internet gateway and the virtual network it is attached to."""

    gateway_id: str
    """Id of the gateway."""
    vpc_id: str
    """Id of the virtual network."""
    changed: bool
    """False when it was so already."""


class CreateGateway(Arguments):
    """Asks for a new internet gateway."""

    vpc_id: VpcId
    """The virtual network it is meant for; it is not attached yet."""


class GatewayCreated(Result):
    """A new internet gateway."""

    gateway_id: str
    """Id of the gateway."""
    vpc_id: str
    """The virtual network it is meant for."""
