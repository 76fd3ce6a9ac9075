"""A small cloud by hand: one instance behind an address, a gateway, routes, an ACL and a security group.

Written for these tests alone, and independently of the analyser: what a hop says follows from the fields below.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aivis.errors import NotFound, Refused
from aivis.events.envelope import JsonObject
from aivis.modules.expressions import within
from tests.unit.services.reasoner.brains.playbook.play import Forbidden

ME, OTHER, ADDRESS, NEW_ADDRESS = "i-0aaa1111", "i-0bbb2222", "198.51.100.7", "198.51.100.9"
GROUP, ACL, TABLE, GOOD_TABLE = "sg-0aaa1111", "acl-0aaa1111", "rtb-0aaa1111", "rtb-0bbb2222"
GATEWAY, VPC, SUBNET, VOLUME = "igw-0aaa1111", "vpc-0aaa1111", "subnet-0aaa1111", "vol-0aaa1111"
TYPES = {"t3.small": (2, 2048), "t3.large": (2, 8192)}
ALLOW_ALL = {"protocol": "all", "action": "allow", "cidr": "0.0.0.0/0", "from_port": 0, "to_port": 65535}


def rule(number: int, *, egress: bool, **more: Any) -> JsonObject:
    return {**ALLOW_ALL, "rule_number": number, "egress": egress, **more}


@dataclass
class State:
    """All that can be wrong; as written here nothing is."""

    state: str = "running"
    type: str = "t3.small"
    holders: dict[str, str | None] = field(default_factory=lambda: {ADDRESS: ME})
    ingress: list[JsonObject] = field(
        default_factory=lambda: [{"protocol": "tcp", "from_port": 443, "to_port": 443, "sources": ["0.0.0.0/0"]}]
    )
    egress: list[JsonObject] = field(
        default_factory=lambda: [{"protocol": "all", "from_port": 0, "to_port": 65535, "destinations": ["0.0.0.0/0"]}]
    )
    entries: list[JsonObject] = field(default_factory=lambda: [rule(100, egress=False), rule(100, egress=True)])
    attached: bool = True
    tables: dict[str, str | None] = field(default_factory=lambda: {TABLE: GATEWAY})
    """The target of each table's default route; None without one."""
    table: str = TABLE
    ports: list[int] = field(default_factory=lambda: [443])
    volumes: dict[str, int] = field(default_factory=lambda: {VOLUME: 20})
    snapshots: list[str] = field(default_factory=list)
    addresses_limit: int = 5
    console: str = "login:"
    broken_inside: bool = False
    """Something no tool sees."""


class Cloud:
    """The tools, on a state."""

    def __init__(self, **wrong: Any) -> None:
        self.state = State(**copy.deepcopy(wrong))  # a variant is one table's row, and many worlds' beginning
        self.forbidden: set[str] = set()
        self.failing: dict[str, int] = {}
        """How often each tool still fails."""
        self.inert: set[str] = set()
        """Effects that say they are done and change nothing."""
        self._before: dict[str, State] = {}

    def call(self, tool: str, arguments: JsonObject, action: str) -> JsonObject:
        if tool in self.forbidden:
            raise Forbidden(f"policy does not allow {tool}")
        if self.failing.get(tool, 0):
            self.failing[tool] -= 1
            raise Refused(f"{tool} is out of order")
        function: Callable[..., JsonObject] = getattr(self, "_" + tool.removeprefix("cloud."))
        self._before[action] = copy.deepcopy(self.state)
        result = function(**arguments)
        if tool in self.inert:
            self.state = copy.deepcopy(self._before[action])
        return result

    def undo(self, action: str) -> JsonObject:
        self.state = copy.deepcopy(self._before[action])
        return {"undone": True}

    # -- looks

    def _describe_instance(self, instance_id: str) -> JsonObject:
        if instance_id != ME:
            raise NotFound(f"no instance {instance_id}")
        return {
            "instance_id": ME, "name": "web", "state": self.state.state, "state_reason": "User initiated",
            "instance_type": self.state.type, "public_ip": self._address(), "vpc_id": VPC, "subnet_id": SUBNET,
        }  # fmt: skip

    def _find_instances(self, name: str = "", address: str = "") -> JsonObject:
        found = [self._describe_instance(ME)] if name == "web" or address == self._address() else []
        return {"instances": found, "count": len(found)}

    def _describe_instance_status(self, instance_id: str) -> JsonObject:
        health = "impaired" if self.state.broken_inside else "ok"
        return {"state": self.state.state, "system_status": "ok", "instance_status": health, "events": []}

    def _check_listening_port(self, instance_id: str) -> JsonObject:
        ports = self.state.ports
        return {"port": ports[0] if len(ports) == 1 else None, "ports": ports, "explains": "tag service-port"}

    def _get_console_output(self, instance_id: str) -> JsonObject:
        return {"output": self.state.console, "truncated": False}

    def _describe_security_groups(self, instance_id: str) -> JsonObject:
        group = {"group_id": GROUP, "name": "web", "ingress": self.state.ingress, "egress": self.state.egress}
        return {"instance_id": ME, "groups": copy.deepcopy([group])}

    def _describe_network_acl(self, instance_id: str) -> JsonObject:
        return {"acl_id": ACL, "subnet_id": SUBNET, "entries": copy.deepcopy(self.state.entries)}

    def _describe_route_table(self, instance_id: str) -> JsonObject:
        state = self.state
        others = [
            {"route_table_id": name, "gateway_id": target, "main": False, "name": ""}
            for name, target in state.tables.items()
            if name != state.table and target == GATEWAY and state.attached
        ]
        return {
            "route_table_id": state.table, "subnet_id": SUBNET, "vpc_id": VPC, "routes": self._routes(),
            "reaches_internet": state.tables[state.table] == GATEWAY and state.attached,
            "others_that_reach_internet": others,
        }  # fmt: skip

    def _routes(self) -> list[JsonObject]:
        local = {"destination": "10.0.0.0/16", "target": "local", "target_kind": "local", "state": "active"}
        target = self.state.tables[self.state.table]
        if target is None:
            return [local]
        gateway = target == GATEWAY
        alive = gateway and self.state.attached
        kind = "internet_gateway" if gateway else "nat_gateway"
        default = {"destination": "0.0.0.0/0", "target": target, "target_kind": kind}
        return [local, {**default, "state": "active" if alive else "blackhole"}]

    def _describe_internet_gateway(self, instance_id: str) -> JsonObject:
        attached = self.state.attached
        return {
            "vpc_id": VPC,
            "attached": attached,
            "gateway_id": GATEWAY if attached else None,
            "candidate_gateway_id": None if attached else GATEWAY,
        }

    def _describe_addresses(self, public_ip: str = "", instance_id: str = "") -> JsonObject:
        found = [
            {"public_ip": ip, "association_id": "eipassoc-1" if holder else None, "instance_id": holder,
             "network_interface_id": None, "allocation_id": f"eipalloc-{ip}"}
            for ip, holder in self.state.holders.items()
            if public_ip in ("", ip) and instance_id in ("", holder)
        ]  # fmt: skip
        return {"addresses": found, "count": len(found)}

    def _describe_quotas(self) -> JsonObject:
        used, limit = len(self.state.holders), self.state.addresses_limit
        return {"quotas": [{"name": "elastic_addresses", "limit": limit, "used": used, "reached": used >= limit}]}

    def _describe_volumes(self, instance_id: str) -> JsonObject:
        return {"volumes": [{"volume_id": name, "size_gib": size} for name, size in self.state.volumes.items()]}

    def _describe_snapshots(self, volume_id: str) -> JsonObject:
        return {"snapshots": [{"snapshot_id": each, "state": "completed"} for each in self.state.snapshots]}

    def _describe_instance_type(self, instance_type: str) -> JsonObject:
        if instance_type not in TYPES:
            raise NotFound(f"no type {instance_type}")
        vcpus, memory = TYPES[instance_type]
        return {"instance_type": instance_type, "vcpus": vcpus, "memory_mib": memory}

    # -- the analyser

    def _analyze_path(self, instance_id: str, source: str, port: int) -> JsonObject:
        hops = [
            self._instance_hop(),
            ("no_public_address", "", self._address() is None),
            ("gateway_detached", "", not self.state.attached),
            self._acl_hop("acl_denies_in", source, port, port, egress=False),
            ("sg_denies_in", "", not _open(self.state.ingress, "sources", source, port)),
            self._acl_hop("acl_denies_out", source, 1024, 65535, egress=True),
            self._route_hop(),
        ]
        return _verdict(hops)

    def _analyze_egress(self, instance_id: str, destination: str, port: int) -> JsonObject:
        hops = [
            self._instance_hop(),
            ("sg_denies_out", "", not _open(self.state.egress, "destinations", destination, port)),
            self._acl_hop("acl_denies_out", destination, port, port, egress=True),
            self._route_hop(),
            ("no_public_address", "", self._address() is None),
            self._acl_hop("acl_denies_in", destination, 1024, 65535, egress=False),
        ]
        return _verdict(hops)

    def _instance_hop(self) -> tuple[str, str, bool]:
        gone = self.state.state in ("shutting-down", "terminated")
        return "instance_terminating" if gone else "instance_not_running", "", self.state.state != "running"

    def _acl_hop(self, code: str, peer: str, first: int, last: int, *, egress: bool) -> tuple[str, str, bool]:
        for each in sorted(self.state.entries, key=lambda entry: int(entry["rule_number"])):
            covers = each["from_port"] <= first and last <= each["to_port"]
            if each["egress"] is egress and covers and within(peer, each["cidr"]):
                return code, str(each["rule_number"]), each["action"] == "deny"
        return code, "*", True

    def _route_hop(self) -> tuple[str, str, bool]:
        target = self.state.tables[self.state.table]
        if target == GATEWAY:
            return "gateway_detached", "0.0.0.0/0", not self.state.attached
        return "blackhole_route" if target else "no_route", "", True

    def _address(self) -> str | None:
        return next((ip for ip, holder in self.state.holders.items() if holder == ME), None)

    # -- effects

    def _start_instance(self, instance_id: str) -> JsonObject:
        before, self.state.state = self.state.state, "running"
        return {"state": "running", "previous_state": before, "changed": before != "running"}

    def _stop_instance(self, instance_id: str) -> JsonObject:
        before, self.state.state = self.state.state, "stopped"
        return {"state": "stopped", "previous_state": before, "changed": before != "stopped"}

    def _reboot_instance(self, instance_id: str) -> JsonObject:
        return {"instance_id": instance_id, "state": self.state.state}

    def _terminate_instance(self, instance_id: str) -> JsonObject:
        self.state.state = "terminated"
        return {"state": "terminated", "changed": True}

    def _resize_instance(self, instance_id: str, instance_type: str) -> JsonObject:
        if self.state.state != "stopped":
            raise Refused("stop it first")
        before, self.state.type = self.state.type, instance_type
        return {"instance_type": instance_type, "previous_type": before, "changed": True}

    def _authorize_ingress(self, group_id: str, port: int, source: str) -> JsonObject:
        self.state.ingress.append({"protocol": "tcp", "from_port": port, "to_port": port, "sources": [source]})
        return {"group_id": group_id, "present": True, "changed": True}

    def _revoke_ingress(self, group_id: str, port: int, source: str) -> JsonObject:
        self.state.ingress = [each for each in self.state.ingress if each["from_port"] != port]
        return {"group_id": group_id, "present": False, "changed": True}

    def _authorize_egress(self, group_id: str, port: int, source: str) -> JsonObject:
        self.state.egress.append({"protocol": "tcp", "from_port": port, "to_port": port, "destinations": [source]})
        return {"group_id": group_id, "present": True, "changed": True}

    def _create_acl_entry(self, acl_id: str, **entry: Any) -> JsonObject:
        taken = {(each["rule_number"], each["egress"]) for each in self.state.entries}
        if (entry["rule_number"], entry["egress"]) in taken:
            raise Refused("the number is taken")
        self.state.entries.append(entry)
        return {"acl_id": acl_id, "entry": entry, "changed": True}

    def _create_route(self, route_table_id: str, destination: str, target: str) -> JsonObject:
        self.state.tables[route_table_id] = target
        return {"route_table_id": route_table_id, "target": target, "changed": True}

    _replace_route = _create_route

    def _associate_route_table(self, subnet_id: str, route_table_id: str) -> JsonObject:
        self.state.table = route_table_id
        return {"subnet_id": subnet_id, "route_table_id": route_table_id, "changed": True}

    def _attach_internet_gateway(self, gateway_id: str, vpc_id: str) -> JsonObject:
        self.state.attached = True
        return {"gateway_id": gateway_id, "vpc_id": vpc_id, "changed": True}

    def _allocate_address(self, instance_id: str) -> JsonObject:
        self.state.holders[NEW_ADDRESS] = None
        return {"public_ip": NEW_ADDRESS, "allocation_id": "eipalloc-1", "instance_id": instance_id}

    def _associate_address(self, public_ip: str, instance_id: str, take_over: bool = False) -> JsonObject:
        if self.state.holders.get(public_ip) not in (None, instance_id) and not take_over:
            raise Refused(f"{public_ip} is held")
        self.state.holders[public_ip] = instance_id
        return {"public_ip": public_ip, "instance_id": instance_id, "changed": True}

    def _release_address(self, public_ip: str) -> JsonObject:
        del self.state.holders[public_ip]
        return {"public_ip": public_ip}

    def _create_snapshot(self, volume_id: str, description: str = "") -> JsonObject:
        self.state.snapshots.append("snap-0aaa1111")
        return {"snapshot_id": "snap-0aaa1111", "volume_id": volume_id, "size_gib": self.state.volumes[volume_id]}

    def _extend_volume(self, volume_id: str, size_gib: int) -> JsonObject:
        before, self.state.volumes[volume_id] = self.state.volumes[volume_id], size_gib
        return {"volume_id": volume_id, "size_gib": size_gib, "previous_size_gib": before, "changed": True}

    def _tag_resource(self, resource_id: str, key: str, value: str) -> JsonObject:
        return {"resource_id": resource_id, "key": key, "value": value, "changed": True}


def _open(rules: list[JsonObject], peers: str, peer: str, port: int) -> bool:
    return any(
        each["from_port"] <= port <= each["to_port"] and any(within(peer, block) for block in each[peers])
        for each in rules
    )


def _verdict(hops: list[tuple[str, str, bool]]) -> JsonObject:
    wrong = [code for code, _, denied in hops if denied]
    told = [{"code": code if denied else "", "rule": ruled, "allowed": not denied} for code, ruled, denied in hops]
    return {
        "reachable": not wrong,
        "decides": wrong[0] if wrong else "",
        "also_wrong": wrong[1:],
        "hops": told,
    }
