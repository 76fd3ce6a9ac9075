"""The faults of the practice world: what each breaks, its good end, and how an agent should end the ticket.

Two of them, `names-unresolved` and `disk-unplugged`, are beyond any module: they show as nothing on the network's
path, and are to be handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domains.cloud.lab import ends, mishaps
from domains.cloud.lab.ends import Facts
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.goals import Goal
from domains.cloud.lab.world import Plan, Site

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


def _as_planned(plan: Plan) -> Plan:
    return plan


@dataclass(frozen=True)
class Kind:
    """One way in which a site breaks, or one wish about a healthy site."""

    says: str
    """What is wrong, for people."""
    happen: Callable[[EC2Client, Site], Facts | None]
    goals: Callable[[Site, Facts], tuple[Goal, ...]]
    expectation: Expectation = Expectation.FIXED
    shape: Callable[[Plan], Plan] = _as_planned
    """What the site must have been built with for it to happen."""


def _other_port(plan: Plan) -> Plan:
    asked = plan.asked_port if plan.asked_port not in (0, plan.port) else (8080 if plan.port == 443 else 443)
    return plan.model_copy(update={"asked_port": asked})


def _strong(plan: Plan) -> Plan:
    return plan.model_copy(update={"type": plan.wanted_type})


def _with_data(plan: Plan) -> Plan:
    return plan.model_copy(update={"data_disk": True})


FAULTS: Mapping[str, Kind] = {
    "powered-off": Kind("the instance is stopped", mishaps.power_off, ends.reached),
    "door-missing": Kind(
        "no security group rule lets anyone in on the port", mishaps.drop_rule, ends.reached_by_source
    ),
    "door-for-others": Kind(
        "the security group lets in another network only", mishaps.admit_old_office, ends.reached_by_source
    ),
    "shut-in": Kind("the security group lets nothing out", mishaps.close_egress, ends.reaches_out),
    "acl-stops-requests": Kind(
        "the network ACL refuses what comes in on the port", mishaps.refuse_requests, ends.reached
    ),
    "acl-stops-destination": Kind(
        "the network ACL refuses what goes out there", mishaps.refuse_destination, ends.reaches_out
    ),
    "acl-stops-answers": Kind("the network ACL refuses the answers' ports", mishaps.refuse_answers, ends.reached),
    "route-gone": Kind("the subnet has no route to the internet", mishaps.lose_route, ends.reached),
    "route-dead": Kind(
        "the route to the internet leads to a deleted NAT gateway", mishaps.route_to_the_dead, ends.reached
    ),
    "gateway-loose": Kind("the internet gateway is detached", mishaps.detach_gateway, ends.reached),
    "address-lost": Kind("the instance has no public address", mishaps.lose_address, ends.reached),
    "address-elsewhere": Kind("the address leads to another instance", mishaps.misplace_address, ends.address_is_back),
    "table-swapped": Kind("the subnet is under a route table without the internet", mishaps.swap_table, ends.reached),
    "port-mistaken": Kind(
        "nothing: the service listens on another port",
        mishaps.leave_alone,
        ends.reached,
        Expectation.FINDING,
        _other_port,
    ),
    "instance-gone": Kind("the instance is terminated", mishaps.terminate, ends.is_alive, Expectation.FINDING),
    # built too small from the start: a volume cannot shrink
    "disk-small": Kind("the volume is too small", mishaps.leave_alone, ends.has_space),
    "type-weak": Kind("the instance type is too small", mishaps.weaken, ends.has_power, shape=_strong),
    "addresses-used-up": Kind(
        "the quota of elastic addresses is reached", mishaps.use_up_addresses, ends.has_room, Expectation.ESCALATED
    ),
    "all-well": Kind("nothing", mishaps.leave_alone, ends.reached, Expectation.FINDING),
    "names-unresolved": Kind(
        "name resolution of the VPC is switched off", mishaps.switch_names_off, ends.resolves, Expectation.ESCALATED
    ),
    "disk-unplugged": Kind(
        "the data volume is detached", mishaps.unplug_data, ends.has_data, Expectation.ESCALATED, _with_data
    ),
}
