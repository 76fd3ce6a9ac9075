"""One broken variant of the hand-written cloud per fault, and the ticket that goes with it."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import domains.cloud.modules
from aivis.events.envelope import JsonObject
from aivis.modules.library import Library
from aivis.modules.loader import load
from tests.unit.domains.cloud.modules.cloud import ADDRESS, GATEWAY, GOOD_TABLE, ME, OTHER, TABLE, Cloud, rule

FOLDER = Path(domains.cloud.modules.__file__).parent
REACH: JsonObject = {"instance_id": ME, "port": 443, "source": "203.0.113.7"}
LEAVE: JsonObject = {"instance_id": ME, "destination": "198.51.100.20", "destination_port": 8443}
IN, OUT = rule(100, egress=False), rule(100, egress=True)
HTTPS = {"protocol": "tcp", "from_port": 443, "to_port": 443}


@cache
def cloud_library() -> Library:
    return load(FOLDER)


@dataclass(frozen=True)
class Variant:
    """A cloud with something wrong, what the customer says, and the module that explains it."""

    fault: str
    intent: str
    inputs: JsonObject
    wrong: dict[str, Any] = field(default_factory=dict)

    def cloud(self) -> Cloud:
        return Cloud(**self.wrong)

    def __str__(self) -> str:
        return f"{self.fault}-{self.intent.split('.')[1]}-{'-'.join(self.wrong)}"


def _deny(number: int, *, egress: bool, **more: Any) -> JsonObject:
    return rule(number, egress=egress, action="deny", **more)


CONNECT, OUTBOUND = "diagnose.connectivity", "diagnose.outbound"
DISK, SLOW = "diagnose.disk_full", "diagnose.performance"
FRONT = [_deny(50, egress=False, cidr="203.0.113.0/24"), IN, OUT]
REPLIES = [IN, _deny(100, egress=True)]
OUTGOING = [IN, _deny(90, egress=True, cidr="198.51.100.0/24"), OUT]
RETURNING = [_deny(90, egress=False, cidr="198.51.100.0/24"), IN, OUT]

MENDED = [
    Variant("instance_stopped", CONNECT, REACH, {"state": "stopped"}),
    Variant("instance_stopped", "diagnose.instance_down", {"instance_id": ME}, {"state": "stopped"}),
    Variant("instance_stopped", OUTBOUND, LEAVE, {"state": "stopped"}),
    Variant("security_group_lacks_port", CONNECT, REACH, {"ingress": []}),
    Variant(
        "security_group_allows_other_source", CONNECT, REACH, {"ingress": [{**HTTPS, "sources": ["198.51.100.0/24"]}]}
    ),
    Variant("egress_closed", OUTBOUND, LEAVE, {"egress": []}),
    Variant("acl_denies_requests", CONNECT, REACH, {"entries": FRONT}),
    Variant("acl_denies_requests", CONNECT, REACH, {"entries": [OUT]}),
    Variant("acl_denies_replies", CONNECT, REACH, {"entries": REPLIES}),
    Variant("acl_denies_outgoing", OUTBOUND, LEAVE, {"entries": OUTGOING}),
    Variant("acl_denies_incoming_replies", OUTBOUND, LEAVE, {"entries": RETURNING}),
    Variant("route_to_internet_missing", CONNECT, REACH, {"tables": {TABLE: None}}),
    Variant("route_to_internet_missing", OUTBOUND, LEAVE, {"tables": {TABLE: None}}),
    Variant("route_to_dead_target", CONNECT, REACH, {"tables": {TABLE: "nat-0aaa1111"}}),
    Variant("route_to_dead_target", OUTBOUND, LEAVE, {"tables": {TABLE: "nat-0aaa1111"}}),
    Variant("gateway_detached", CONNECT, REACH, {"attached": False}),
    Variant("gateway_detached", OUTBOUND, LEAVE, {"attached": False}),
    Variant("no_public_address", CONNECT, REACH, {"holders": {}}),
    Variant("no_public_address", CONNECT, {**REACH, "public_ip": ADDRESS}, {"holders": {}}),
    Variant("address_held_by_other_instance", CONNECT, {**REACH, "public_ip": ADDRESS}, {"holders": {ADDRESS: OTHER}}),
    Variant("address_not_associated", CONNECT, {**REACH, "public_ip": ADDRESS}, {"holders": {ADDRESS: None}}),
    Variant("subnet_in_wrong_route_table", CONNECT, REACH, {"tables": {TABLE: None, GOOD_TABLE: GATEWAY}}),
    Variant("volume_too_small", DISK, {"instance_id": ME, "size_gib": 60}),
    Variant("instance_type_too_small", SLOW, {"instance_id": ME, "instance_type": "t3.large"}),
]
EXPLAINED = [
    Variant("wrong_port_asked", CONNECT, {**REACH, "port": 8080}),
    Variant("instance_terminating", CONNECT, REACH, {"state": "terminated", "holders": {}}),
    Variant("instance_terminating", "diagnose.instance_down", {"instance_id": ME}, {"state": "shutting-down"}),
    Variant("volume_full_size_not_said", DISK, {"instance_id": ME}, {"console": "No space left on device"}),
    Variant("memory_too_small_type_not_said", SLOW, {"instance_id": ME}, {"console": "Out of memory: x"}),
]
NOTHING_WRONG = [
    Variant("", CONNECT, REACH),
    Variant("", CONNECT, {"instance_id": ME}),
    Variant("", OUTBOUND, LEAVE),
    Variant("", "diagnose.instance_down", {"instance_id": ME}),
]
