"""Every effect does what it says, tells what it changed, and its undo puts back exactly what was before."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aivis.errors import Conflict, Invalid, NotFound, Refused, from_grpc
from tests.integration.domains.cloud.conftest import Site, Tools

ADMIN = "198.51.100.7/32"


def refused(act: Callable[[], Any]) -> Exception:
    """The error that `act` meets, as the executor would see it."""
    with pytest.raises(grpc.RpcError) as error:
        act()
    return from_grpc(error.value, doing="test")


def acl_entry(site: Site, **changes: Any) -> dict[str, Any]:
    return {
        "acl_id": site.acl, "rule_number": 60, "egress": False, "action": "deny", "cidr": "203.0.113.0/24",
        "protocol": "tcp", "from_port": 443, "to_port": 443, **changes,
    }  # fmt: skip


def spare_table(site: Site) -> str:
    return str(site.ec2.create_route_table(VpcId=site.vpc)["RouteTable"]["RouteTableId"])


def authorize(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.authorize_ingress", {"group_id": site.group, "port": 22, "source": ADMIN}


def authorize_out(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.authorize_egress", {"group_id": site.group, "port": 5432, "source": ADMIN}


def revoke(site: Site) -> tuple[str, dict[str, Any]]:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": ADMIN, "Description": "ours"}]}
    site.ec2.authorize_security_group_ingress(GroupId=site.group, IpPermissions=[rule])
    return "cloud.revoke_ingress", {"group_id": site.group, "port": 22, "source": ADMIN}


def revoke_out(site: Site) -> tuple[str, dict[str, Any]]:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": ADMIN}]}
    site.ec2.authorize_security_group_egress(GroupId=site.group, IpPermissions=[rule])
    return "cloud.revoke_egress", {"group_id": site.group, "port": 22, "source": ADMIN}


def create_entry(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.create_acl_entry", acl_entry(site)


def _existing(site: Site) -> None:
    site.ec2.create_network_acl_entry(
        NetworkAclId=site.acl, RuleNumber=60, Protocol="17", RuleAction="allow", Egress=False,
        CidrBlock="198.51.100.0/24", PortRange={"From": 53, "To": 54},
    )  # fmt: skip


def replace_entry(site: Site) -> tuple[str, dict[str, Any]]:
    _existing(site)
    return "cloud.replace_acl_entry", acl_entry(site)


def delete_entry(site: Site) -> tuple[str, dict[str, Any]]:
    _existing(site)
    return "cloud.delete_acl_entry", {"acl_id": site.acl, "rule_number": 60, "egress": False}


def delete_entry_for_all(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.delete_acl_entry", {"acl_id": site.acl, "rule_number": 100, "egress": True}


def create_route(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.create_route", {
        "route_table_id": site.table, "destination": "203.0.113.0/24", "target": site.gateway,
    }  # fmt: skip


def replace_route(site: Site) -> tuple[str, dict[str, Any]]:
    made = site.ec2.create_nat_gateway(SubnetId=site.subnet, AllocationId=site.add_address()["allocation_id"])
    nat = made["NatGateway"]["NatGatewayId"]
    return "cloud.replace_route", {"route_table_id": site.table, "destination": "0.0.0.0/0", "target": nat}


def delete_route(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.delete_route", {"route_table_id": site.table, "destination": "0.0.0.0/0"}


def associate_table(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.associate_route_table", {"subnet_id": site.subnet, "route_table_id": spare_table(site)}


def associate_table_of_main(site: Site) -> tuple[str, dict[str, Any]]:
    inner = site.add_subnet("10.20.2.0/24")
    return "cloud.associate_route_table", {"subnet_id": inner, "route_table_id": site.table}


def attach(site: Site) -> tuple[str, dict[str, Any]]:
    site.ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
    return "cloud.attach_internet_gateway", {"gateway_id": site.gateway, "vpc_id": site.vpc}


def create_gateway(site: Site) -> tuple[str, dict[str, Any]]:
    site.ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
    return "cloud.create_internet_gateway", {"vpc_id": site.vpc}


def allocate(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.allocate_address", {"instance_id": site.instance}


def associate(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.associate_address", {"public_ip": site.add_address()["public_ip"], "instance_id": site.instance}


def take_over(site: Site) -> tuple[str, dict[str, Any]]:
    other = site.add_instance(site.subnet, site.group)
    held = site.add_address(other)["public_ip"]
    return "cloud.associate_address", {"public_ip": held, "instance_id": site.instance, "take_over": True}


def disassociate(site: Site) -> tuple[str, dict[str, Any]]:
    return "cloud.disassociate_address", {"public_ip": site.add_address(site.instance)["public_ip"]}


NETWORK = [
    authorize, authorize_out, revoke, revoke_out, create_entry, replace_entry, delete_entry, delete_entry_for_all,
    create_route, replace_route, delete_route, associate_table, associate_table_of_main, attach, create_gateway,
    allocate, associate, take_over, disassociate,
]  # fmt: skip


@pytest.mark.parametrize("prepare", NETWORK)
def test_an_undo_restores_the_whole_configuration(
    site: Site, tools: Tools, prepare: Callable[[Site], tuple[str, dict[str, Any]]]
) -> None:
    tool, arguments = prepare(site)
    before = site.configuration()
    result = tools.call(tool, **arguments)
    assert site.configuration() != before
    tools.undo(tool, arguments, result)
    assert site.configuration() == before


@pytest.mark.parametrize("prepare", [each for each in NETWORK if each not in (create_gateway, allocate)])
def test_an_effect_that_was_done_before_changes_nothing_and_its_undo_leaves_it(
    site: Site, tools: Tools, prepare: Callable[[Site], tuple[str, dict[str, Any]]]
) -> None:
    tool, arguments = prepare(site)
    first = tools.call(tool, **arguments)
    done = site.configuration()
    second = tools.call(tool, **arguments)
    assert (first["changed"], second["changed"]) == (True, False)
    tools.undo(tool, arguments, second)
    assert site.configuration() == done


@pytest.mark.parametrize("prepare", [create_entry, replace_entry, create_route, associate_table, associate])
def test_an_undo_does_not_overwrite_what_someone_changed_since(
    site: Site, tools: Tools, prepare: Callable[[Site], tuple[str, dict[str, Any]]]
) -> None:
    tool, arguments = prepare(site)
    result = tools.call(tool, **arguments)
    if "acl_id" in arguments:
        tools.call("cloud.replace_acl_entry", **acl_entry(site, cidr="192.0.2.0/24"))
    elif "destination" in arguments:
        tools.call("cloud.replace_route", **{**arguments, "target": site.instance})
    elif "subnet_id" in arguments:
        tools.call("cloud.associate_route_table", subnet_id=site.subnet, route_table_id=spare_table(site))
    else:
        other = site.add_instance(site.subnet, site.group)
        tools.call("cloud.associate_address", **{**arguments, "instance_id": other, "take_over": True})
    changed = site.configuration()
    assert "someone else" in str(refused(lambda: tools.undo(tool, arguments, result)))
    assert site.configuration() == changed


def test_an_instance_is_stopped_started_and_each_undone(site: Site, tools: Tools) -> None:
    this = {"instance_id": site.instance}
    stopped = tools.call("cloud.stop_instance", **this)
    assert (stopped, site.state(site.instance)) == (
        {**this, "state": "stopped", "previous_state": "running", "changed": True}, "stopped",
    )  # fmt: skip
    assert not tools.call("cloud.stop_instance", **this)["changed"]
    started = tools.call("cloud.start_instance", **this)
    assert (started["previous_state"], site.state(site.instance)) == ("stopped", "running")
    tools.undo("cloud.start_instance", this, started)
    assert site.state(site.instance) == "stopped"
    tools.undo("cloud.stop_instance", this, stopped)
    assert site.state(site.instance) == "running"


def test_a_reboot_needs_a_running_instance(site: Site, tools: Tools) -> None:
    assert tools.call("cloud.reboot_instance", instance_id=site.instance)["state"] == "running"
    site.ec2.stop_instances(InstanceIds=[site.instance])
    assert isinstance(refused(lambda: tools.call("cloud.reboot_instance", instance_id=site.instance)), Refused)


def test_a_terminated_instance_stays_terminated(site: Site, tools: Tools) -> None:
    gone = tools.call("cloud.terminate_instance", instance_id=site.instance)
    assert (gone["previous_state"], gone["state"], site.state(site.instance)) == ("running", "terminated", "terminated")
    assert "new one" in str(refused(lambda: tools.call("cloud.start_instance", instance_id=site.instance)))
    assert site.state(site.instance) == "terminated"


def test_a_protected_instance_is_not_terminated(site: Site, tools: Tools) -> None:
    site.ec2.modify_instance_attribute(InstanceId=site.instance, DisableApiTermination={"Value": True})
    error = refused(lambda: tools.call("cloud.terminate_instance", instance_id=site.instance))
    assert isinstance(error, Refused)
    assert site.state(site.instance) == "running"


def test_an_instance_is_resized_only_while_stopped_and_back(site: Site, tools: Tools) -> None:
    arguments = {"instance_id": site.instance, "instance_type": "t3.large"}
    assert "stop it first" in str(refused(lambda: tools.call("cloud.resize_instance", **arguments)))
    tools.call("cloud.stop_instance", instance_id=site.instance)
    assert isinstance(
        refused(lambda: tools.call("cloud.resize_instance", instance_id=site.instance, instance_type="zz.large")),
        Invalid,
    )
    result = tools.call("cloud.resize_instance", **arguments)
    assert (result["previous_type"], site.described(site.instance)["InstanceType"]) == ("t3.small", "t3.large")
    tools.undo("cloud.resize_instance", arguments, result)
    assert site.described(site.instance)["InstanceType"] == "t3.small"


def test_a_rule_is_not_called_revoked_while_a_wider_one_allows_the_port(site: Site, tools: Tools) -> None:
    wide = {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "IpRanges": [{"CidrIp": ADMIN}]}
    site.ec2.authorize_security_group_ingress(GroupId=site.group, IpPermissions=[wide])
    error = refused(lambda: tools.call("cloud.revoke_ingress", group_id=site.group, port=22, source=ADMIN))
    assert "20-30" in str(error)


def test_a_number_that_is_taken_is_not_overwritten_by_create(site: Site, tools: Tools) -> None:
    _existing(site)
    before = site.configuration()
    assert isinstance(refused(lambda: tools.call("cloud.create_acl_entry", **acl_entry(site))), Refused)
    assert isinstance(
        refused(lambda: tools.call("cloud.replace_acl_entry", **acl_entry(site, rule_number=61))), NotFound
    )
    assert site.configuration() == before


def test_the_networks_own_route_is_not_touched(site: Site, tools: Tools) -> None:
    own = {"route_table_id": site.table, "destination": "10.20.0.0/16"}
    for tool, arguments in (("cloud.delete_route", own), ("cloud.replace_route", {**own, "target": site.gateway})):
        assert "own" in str(refused(lambda tool=tool, arguments=arguments: tools.call(tool, **arguments)))  # type: ignore[misc]


def test_a_held_address_is_taken_only_on_purpose(site: Site, tools: Tools) -> None:
    other = site.add_instance(site.subnet, site.group)
    held = site.add_address(other)["public_ip"]
    error = refused(lambda: tools.call("cloud.associate_address", public_ip=held, instance_id=site.instance))
    assert other in str(error)
    assert "take_over" in str(error)


def test_an_address_is_released_only_when_nothing_holds_it(site: Site, tools: Tools) -> None:
    held = site.add_address(site.instance)["public_ip"]
    assert site.instance in str(refused(lambda: tools.call("cloud.release_address", public_ip=held)))
    tools.call("cloud.disassociate_address", public_ip=held)
    assert tools.call("cloud.release_address", public_ip=held)["public_ip"] == held
    assert site.ec2.describe_addresses()["Addresses"] == []
    assert isinstance(refused(lambda: tools.call("cloud.release_address", public_ip=held)), NotFound)


def test_a_volume_grows_and_never_shrinks(site: Site, tools: Tools) -> None:
    volume = tools.call("cloud.describe_volumes", instance_id=site.instance)["volumes"][0]["volume_id"]
    grown = tools.call("cloud.extend_volume", volume_id=volume, size_gib=20)
    assert (grown["previous_size_gib"], grown["size_gib"], grown["changed"]) == (8, 20, True)
    assert site.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 20
    assert not tools.call("cloud.extend_volume", volume_id=volume, size_gib=20)["changed"]
    assert "never shrinks" in str(refused(lambda: tools.call("cloud.extend_volume", volume_id=volume, size_gib=10)))


def test_a_snapshot_is_made_and_undone(site: Site, tools: Tools) -> None:
    volume = tools.call("cloud.describe_volumes", instance_id=site.instance)["volumes"][0]["volume_id"]
    arguments = {"volume_id": volume, "description": "before the change"}
    made = tools.call("cloud.create_snapshot", **arguments)
    found = tools.call("cloud.describe_snapshots", volume_id=volume)
    assert [(each["snapshot_id"], each["description"]) for each in found["snapshots"]] == [
        (made["snapshot_id"], "before the change")
    ]
    tools.undo("cloud.create_snapshot", arguments, made)
    assert tools.call("cloud.describe_snapshots", volume_id=volume)["snapshots"] == []
    assert tools.undo("cloud.create_snapshot", arguments, made) == {}


def test_a_tag_is_written_and_put_back(site: Site, tools: Tools) -> None:
    def tags() -> dict[str, str]:
        return dict(tools.call("cloud.describe_instance", instance_id=site.instance)["tags"])

    new = {"resource_id": site.instance, "key": "stage", "value": "test"}
    over = {"resource_id": site.instance, "key": "Name", "value": "web-2"}
    results = [(each, tools.call("cloud.tag_resource", **each)) for each in (new, over)]
    assert tags() == {"Name": "web-2", "stage": "test"}
    for arguments, result in results:
        tools.undo("cloud.tag_resource", arguments, result)
    assert tags() == {"Name": "web-1"}


def test_what_is_not_there_is_told_as_not_found_with_what_to_do(site: Site, tools: Tools) -> None:
    nothing = "0123456789abcdef0"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("cloud.describe_instance", {"instance_id": f"i-{nothing}"}),
        ("cloud.analyze_path", {"instance_id": f"i-{nothing}", "source": "203.0.113.7", "port": 443}),
        ("cloud.start_instance", {"instance_id": f"i-{nothing}"}),
        ("cloud.authorize_ingress", {"group_id": f"sg-{nothing}", "port": 443, "source": ADMIN}),
        ("cloud.create_acl_entry", acl_entry(site, acl_id=f"acl-{nothing}")),
        ("cloud.delete_route", {"route_table_id": f"rtb-{nothing}", "destination": "0.0.0.0/0"}),
        ("cloud.extend_volume", {"volume_id": f"vol-{nothing}", "size_gib": 10}),
        ("cloud.associate_route_table", {"subnet_id": f"subnet-{nothing}", "route_table_id": site.table}),
        ("cloud.attach_internet_gateway", {"gateway_id": f"igw-{nothing}", "vpc_id": site.vpc}),
        ("cloud.release_address", {"public_ip": "203.0.113.99"}),
    ]
    for tool, arguments in calls:
        error = refused(lambda tool=tool, arguments=arguments: tools.call(tool, **arguments))  # type: ignore[misc]
        assert isinstance(error, NotFound), (tool, error)
        assert "check the id" in str(error), (tool, error)


def test_a_key_used_again_with_other_parameters_is_refused_and_does_nothing(site: Site, tools: Tools) -> None:
    tools.call("cloud.authorize_ingress", "key-1", group_id=site.group, port=22, source=ADMIN)
    before = site.configuration()
    error = refused(lambda: tools.call("cloud.authorize_ingress", "key-1", group_id=site.group, port=23, source=ADMIN))
    assert isinstance(error, Conflict)
    assert site.configuration() == before
