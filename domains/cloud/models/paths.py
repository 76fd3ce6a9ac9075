"""Verdicts of the reachability analyser."""

from typing import Literal

from pydantic import Field

from aivis.toolkit.models import Arguments, Closed, Result
from domains.cloud.models.ids import InstanceId, Network


class AnalyzePath(Arguments):
    """Asks whether a TCP port of an instance is reachable from somewhere."""

    instance_id: InstanceId
    source: Network
    """Where the connection comes from. Of a block, every address has to get through."""
    port: int = Field(ge=1, le=65535)
    """The TCP port asked for."""


class AnalyzeEgress(Arguments):
    """Asks whether an instance can open a TCP connection to somewhere."""

    instance_id: InstanceId
    destination: Network
    """Where the connection goes to. Of a block, every address has to be reached."""
    port: int = Field(ge=1, le=65535)
    """The TCP port at the destination."""


class Hop(Closed):
    """One component on the way, and what it says."""

    direction: Literal["in", "out"]
    """in: towards the instance; out: away from it."""
    component: str
    """instance, public_address, internet_gateway, nat_gateway, route_table, network_acl, security_group; those of the
    other end within the network begin with remote_, those of a NAT gateway's subnet with nat_."""
    id: str
    """Id of the component; of the security group that allows, or of all of them when none does."""
    rule: str
    """The rule that decides: an ACL rule's number, a route's destination, a group's rule; empty when none matches."""
    allowed: bool
    """Whether the packet passes."""
    code: str
    """Empty when it passes, else what is wrong: one of the codes of `decides`."""
    explains: str
    """The same in words."""


class Path(Result):
    """Whether a connection gets through, and every hop with the rule that decides."""

    reachable: bool
    """True when every hop lets the packets pass, both ways."""
    decides: str
    """Empty when reachable; else the first thing wrong: instance_terminating, instance_not_running,
    no_public_address, gateway_detached, no_route, blackhole_route, route_elsewhere, acl_denies_in, acl_denies_out,
    sg_denies_in, sg_denies_out, nat_no_route, nat_acl_denies, remote_unknown, remote_acl_denies,
    remote_sg_denies, no_network."""
    also_wrong: list[str]
    """Codes of the other hops that would not let it pass, in the order of the hops."""
    explains: str
    """The verdict in words."""
    decides_component: str
    """Component of the deciding hop; empty when reachable."""
    decides_id: str
    """Id of the deciding hop's component; empty when reachable."""
    decides_rule: str
    """Rule of the deciding hop; empty when reachable or when no rule matches."""
    hops: list[Hop]
    """Every hop, on the way there and back."""
    instance_id: str
    """The instance."""
    private_ip: str | None
    """Its private address."""
    public_ip: str | None
    """Its public address; null when it has none."""
    vpc_id: str | None
    """Its virtual network."""
    subnet_id: str | None
    """Its subnet."""
    acl_id: str | None
    """The subnet's network ACL."""
    route_table_id: str | None
    """The subnet's route table."""
    gateway_id: str | None
    """The internet gateway attached to the virtual network; null when none is."""
    security_group_ids: list[str]
    """The instance's security groups."""
