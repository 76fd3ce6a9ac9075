"""The modules and the playbook on the real tools and a real API: each fault found and mended, or explained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

import domains.cloud.modules
from aivis.errors import from_grpc
from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName
from aivis.modules.loader import load
from services.reasoner.brains.playbook.moves import Finding, Solved
from tests.integration.domains.cloud.conftest import Site, Tools
from tests.unit.services.reasoner.brains.playbook.play import Played, play, subtask

LIBRARY = load(Path(domains.cloud.modules.__file__).parent)
CUSTOMER = "203.0.113.7"


class Served:
    """The tool server as a world to play in."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self._done: dict[str, tuple[str, JsonObject, JsonObject]] = {}

    def call(self, tool: str, arguments: JsonObject, action: str) -> JsonObject:
        try:
            result = self.tools.call(tool, **arguments)
        except grpc.RpcError as error:
            raise from_grpc(error, doing=tool) from error
        self._done[action] = (tool, arguments, result)
        return result

    def undo(self, action: str) -> JsonObject:
        tool, arguments, result = self._done[action]
        undone = self.tools.undo(tool, arguments, result)
        return undone if isinstance(undone, dict) else {}


def deny(site: Site, *, egress: bool, first: int, last: int) -> None:
    site.ec2.create_network_acl_entry(
        NetworkAclId=site.acl, RuleNumber=50, Protocol="6", RuleAction="deny", Egress=egress,
        CidrBlock="0.0.0.0/0", PortRange={"From": first, "To": last},
    )  # fmt: skip


def no_ingress(site: Site) -> None:
    group = site.ec2.describe_security_groups(GroupIds=[site.group])["SecurityGroups"][0]
    site.ec2.revoke_security_group_ingress(GroupId=site.group, IpPermissions=group["IpPermissions"])


def other_source(site: Site) -> None:
    no_ingress(site)
    ranges = [{"CidrIp": "198.51.100.0/24"}]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
    site.ec2.authorize_security_group_ingress(GroupId=site.group, IpPermissions=[rule])


def no_egress(site: Site) -> None:
    group = site.ec2.describe_security_groups(GroupIds=[site.group])["SecurityGroups"][0]
    site.ec2.revoke_security_group_egress(GroupId=site.group, IpPermissions=group["IpPermissionsEgress"])


def no_route(site: Site) -> None:
    site.ec2.delete_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0")


def dead_route(site: Site) -> None:
    spare = site.ec2.create_nat_gateway(SubnetId=site.subnet, AllocationId=site.add_address()["allocation_id"])
    nat = spare["NatGateway"]["NatGatewayId"]
    site.ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    site.ec2.delete_nat_gateway(NatGatewayId=nat)


def main_table(site: Site) -> None:
    tables = site.ec2.describe_route_tables(RouteTableIds=[site.table])["RouteTables"]
    site.ec2.disassociate_route_table(AssociationId=tables[0]["Associations"][0]["RouteTableAssociationId"])


def elsewhere(site: Site) -> dict[str, Any]:
    held = site.add_address(site.instance)
    other = site.add_instance(site.subnet, site.group)
    site.ec2.associate_address(AllocationId=held["allocation_id"], InstanceId=other, AllowReassociation=True)
    return {"public_ip": held["public_ip"]}


def without_address(site: Site) -> dict[str, Any]:
    subnet = site.add_subnet("10.20.2.0/24")
    site.ec2.associate_route_table(SubnetId=subnet, RouteTableId=site.table)
    return {"instance_id": site.add_instance(subnet, site.group)}


INBOUND: list[tuple[str, Callable[[Site], Any]]] = [
    ("instance_stopped", lambda site: site.ec2.stop_instances(InstanceIds=[site.instance])),
    ("security_group_lacks_port", no_ingress),
    ("security_group_allows_other_source", other_source),
    ("acl_denies_requests", lambda site: deny(site, egress=False, first=443, last=443)),
    ("acl_denies_replies", lambda site: deny(site, egress=True, first=1024, last=65535)),
    ("route_to_internet_missing", no_route),
    ("route_to_dead_target", dead_route),
    ("gateway_detached", lambda s: s.ec2.detach_internet_gateway(InternetGatewayId=s.gateway, VpcId=s.vpc)),
    ("subnet_in_wrong_route_table", main_table),
    ("address_held_by_other_instance", elsewhere),
    ("no_public_address", without_address),
]
OUTBOUND: list[tuple[str, Callable[[Site], Any]]] = [
    ("egress_closed", no_egress),
    ("acl_denies_outgoing", lambda site: deny(site, egress=True, first=8443, last=8443)),
    ("acl_denies_incoming_replies", lambda site: deny(site, egress=False, first=1024, last=65535)),
]


def diagnosed(intent: str, inputs: JsonObject, tools: Tools, agent: AgentName = AgentName.DIAGNOSTIC) -> Played:
    story = play(subtask(intent, agent, inputs=inputs), LIBRARY, Served(tools))
    json.dumps([each.result for each in story.observations])
    return story


@pytest.mark.parametrize(("fault", "breaks"), INBOUND, ids=[name for name, _ in INBOUND])
def test_what_keeps_customers_out_is_found_and_mended(
    site: Site, tools: Tools, fault: str, breaks: Callable[[Site], Any]
) -> None:
    told = breaks(site)
    said = told if isinstance(told, dict) and "ResponseMetadata" not in told else {}
    reach = {"instance_id": said.get("instance_id", site.instance), "port": 443, "source": CUSTOMER}
    assert not tools.call("cloud.analyze_path", **reach)["reachable"], "the fault is there"
    story = diagnosed("diagnose.connectivity", {**reach, **said}, tools)
    assert isinstance(story.end.next, Solved), story.end
    assert story.end.next.module == fault
    assert story.tools(Purpose.UNDO) == []
    assert tools.call("cloud.analyze_path", **reach)["reachable"]


@pytest.mark.parametrize(("fault", "breaks"), OUTBOUND, ids=[name for name, _ in OUTBOUND])
def test_what_keeps_the_instance_in_is_found_and_mended(
    site: Site, tools: Tools, fault: str, breaks: Callable[[Site], Any]
) -> None:
    breaks(site)
    leave = {"instance_id": site.instance, "destination": "198.51.100.20", "destination_port": 8443}
    story = diagnosed("diagnose.outbound", leave, tools)
    assert isinstance(story.end.next, Solved), story.end
    assert story.end.next.module == fault
    check = {"instance_id": site.instance, "destination": "198.51.100.20", "port": 8443}
    assert tools.call("cloud.analyze_egress", **check)["reachable"]


def test_a_terminated_instance_and_a_sound_one_are_explained_and_left_alone(site: Site, tools: Tools) -> None:
    reach = {"instance_id": site.instance, "port": 443, "source": CUSTOMER}
    sound = diagnosed("diagnose.connectivity", reach, tools)
    assert isinstance(sound.end.next, Finding)
    assert sound.end.next.module == ""
    site.ec2.terminate_instances(InstanceIds=[site.instance])
    gone = diagnosed("diagnose.connectivity", reach, tools)
    assert isinstance(gone.end.next, Finding)
    assert gone.end.next.module == "instance_terminating"


def test_capacity_is_given_and_business_processes_are_carried_out(site: Site, tools: Tools) -> None:
    instance: JsonObject = {"instance_id": site.instance}
    volume = tools.call("cloud.describe_volumes", **instance)["volumes"][0]["volume_id"]
    wishes: list[tuple[str, JsonObject, AgentName]] = [
        ("diagnose.disk_full", {**instance, "size_gib": 60}, AgentName.DIAGNOSTIC),
        ("diagnose.performance", {**instance, "instance_type": "t3.large"}, AgentName.DIAGNOSTIC),
        ("operate.restart", instance, AgentName.OPERATIONS),
        ("operate.resize", {**instance, "instance_type": "t3.xlarge"}, AgentName.OPERATIONS),
        ("operate.extend_volume", {"volume_id": volume, "size_gib": 80}, AgentName.OPERATIONS),
        ("operate.open_port", {**instance, "port": 8443, "source": CUSTOMER}, AgentName.OPERATIONS),
        ("operate.close_port", {**instance, "port": 8443, "source": CUSTOMER}, AgentName.OPERATIONS),
        ("operate.assign_address", instance, AgentName.OPERATIONS),
        ("operate.snapshot", {"volume_id": volume}, AgentName.OPERATIONS),
        ("operate.tag", {**instance, "tag_key": "owner", "tag_value": "team-a"}, AgentName.OPERATIONS),
        ("operate.release_address", {"public_ip": site.add_address()["public_ip"]}, AgentName.OPERATIONS),
        ("operate.stop", instance, AgentName.OPERATIONS),
        ("operate.start", instance, AgentName.OPERATIONS),
        ("operate.terminate", instance, AgentName.OPERATIONS),
    ]
    for intent, inputs, agent in wishes:
        story = diagnosed(intent, inputs, tools, agent)
        assert isinstance(story.end.next, Solved), (intent, story.end)
