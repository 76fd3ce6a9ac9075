from typing import Any

import pytest

from tests.integration.domains.cloud.conftest import Site, Tools


def test_an_instance_is_described_as_it_is(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.describe_instance", instance_id=site.instance)
    assert found["state"] == "running"
    assert found["name"] == "web-1"
    assert found["instance_type"] == "t3.small"
    assert (found["vpc_id"], found["subnet_id"]) == (site.vpc, site.subnet)
    assert (found["private_ip"], found["public_ip"]) == (site.private_ip, site.public_ip)
    assert found["security_group_ids"] == [site.group]
    assert found["volumes"] == [{"volume_id": found["volumes"][0]["volume_id"], "device": "/dev/sda1", "size_gib": 8}]
    assert found["tags"] == {"Name": "web-1"}


def test_a_stopped_instance_tells_why_and_has_no_public_address(site: Site, tools: Tools) -> None:
    site.ec2.stop_instances(InstanceIds=[site.instance])
    found = tools.call("cloud.describe_instance", instance_id=site.instance)
    assert found["state"] == "stopped"
    assert "shutdown" in found["state_reason"]
    assert found["public_ip"] is None


def test_an_elastic_address_counts_for_its_holder_only(site: Site, tools: Tools) -> None:
    other = site.add_instance(site.subnet, site.group)
    held = site.add_address(site.instance)
    site.ec2.associate_address(AllocationId=held["allocation_id"], InstanceId=other, AllowReassociation=True)
    assert tools.call("cloud.describe_instance", instance_id=other)["public_ip"] == held["public_ip"]
    assert tools.call("cloud.describe_instance", instance_id=site.instance)["public_ip"] is None


def test_instances_are_found_by_name_and_by_either_address(site: Site, tools: Tools) -> None:
    site.add_instance(site.subnet, site.group, "db-1")
    for query in ({"name": "web-*"}, {"address": site.private_ip}, {"address": site.public_ip}):
        found = tools.call("cloud.find_instances", **query)
        assert [each["instance_id"] for each in found["instances"]] == [site.instance]
    assert tools.call("cloud.find_instances")["count"] == 2
    assert tools.call("cloud.find_instances", name="nothing") == {"instances": [], "count": 0}


def test_health_is_told_for_a_running_and_for_a_stopped_instance(site: Site, tools: Tools) -> None:
    assert tools.call("cloud.describe_instance_status", instance_id=site.instance) == {
        "instance_id": site.instance, "state": "running", "system_status": "ok", "instance_status": "ok", "events": [],
    }  # fmt: skip
    site.ec2.stop_instances(InstanceIds=[site.instance])
    assert tools.call("cloud.describe_instance_status", instance_id=site.instance)["state"] == "stopped"


def test_the_consoles_end_is_told(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.get_console_output", instance_id=site.instance)
    assert found["output"].startswith("Linux version")
    assert not found["truncated"]


def test_security_groups_are_told_with_their_rules_both_ways(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.describe_security_groups", instance_id=site.instance)
    assert found["groups"] == [
        {
            "group_id": site.group,
            "name": "web",
            "ingress": [{"protocol": "tcp", "from_port": 443, "to_port": 443, "sources": ["0.0.0.0/0"]}],
            "egress": [{"protocol": "all", "from_port": 0, "to_port": 65535, "destinations": ["0.0.0.0/0"]}],
        }
    ]


def test_an_acls_rules_are_told_in_the_order_in_which_they_are_looked_at(site: Site, tools: Tools) -> None:
    site.ec2.create_network_acl_entry(
        NetworkAclId=site.acl, RuleNumber=90, Protocol="6", RuleAction="deny", Egress=False,
        CidrBlock="203.0.113.0/24", PortRange={"From": 443, "To": 444},
    )  # fmt: skip
    found = tools.call("cloud.describe_network_acl", instance_id=site.instance)
    assert (found["acl_id"], found["subnet_id"], found["default"]) == (site.acl, site.subnet, True)
    assert [(each["egress"], each["rule_number"], each["action"]) for each in found["entries"]] == [
        (False, 90, "deny"), (False, 100, "allow"), (False, 32767, "deny"), (True, 100, "allow"), (True, 32767, "deny"),
    ]  # fmt: skip
    assert found["entries"][0] == {
        "rule_number": 90, "egress": False, "protocol": "tcp", "action": "deny", "cidr": "203.0.113.0/24",
        "from_port": 443, "to_port": 444,
    }  # fmt: skip


def test_a_route_table_is_told_with_what_reaches_the_internet(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.describe_route_table", instance_id=site.instance)
    assert (found["route_table_id"], found["association"], found["reaches_internet"]) == (site.table, "explicit", True)
    assert [(each["destination"], each["target_kind"], each["state"]) for each in found["routes"]] == [
        ("10.20.0.0/16", "local", "active"), ("0.0.0.0/0", "internet_gateway", "active"),
    ]  # fmt: skip


def test_a_subnet_on_the_main_table_is_shown_the_table_that_reaches_the_internet(site: Site, tools: Tools) -> None:
    inner = site.add_instance(site.add_subnet("10.20.2.0/24"), site.group)
    found = tools.call("cloud.describe_route_table", instance_id=inner)
    assert (found["association"], found["association_id"], found["reaches_internet"]) == ("main", None, False)
    assert found["others_that_reach_internet"] == [
        {"route_table_id": site.table, "name": "", "main": False, "gateway_id": site.gateway}
    ]


def test_a_route_to_a_deleted_nat_gateway_is_a_black_hole(site: Site, tools: Tools) -> None:
    nat = site.ec2.create_nat_gateway(SubnetId=site.subnet, AllocationId=site.add_address()["allocation_id"])
    nat_id = nat["NatGateway"]["NatGatewayId"]
    site.ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat_id)
    assert tools.call("cloud.describe_route_table", instance_id=site.instance)["routes"][1]["state"] == "active"
    site.ec2.delete_nat_gateway(NatGatewayId=nat_id)
    dead = tools.call("cloud.describe_route_table", instance_id=site.instance)["routes"][1]
    assert (dead["target"], dead["target_kind"], dead["state"]) == (nat_id, "nat_gateway", "blackhole")


def test_a_detached_gateway_is_proposed_when_the_routes_lead_to_it(site: Site, tools: Tools) -> None:
    assert tools.call("cloud.describe_internet_gateway", instance_id=site.instance)["gateway_id"] == site.gateway
    spare = site.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    site.ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
    found = tools.call("cloud.describe_internet_gateway", instance_id=site.instance)
    assert not found["attached"]
    assert found["unattached_gateway_ids"] == sorted([site.gateway, spare])
    assert found["candidate_gateway_id"] == site.gateway


def test_addresses_are_told_with_their_holders(site: Site, tools: Tools) -> None:
    held, free = site.add_address(site.instance), site.add_address()
    assert tools.call("cloud.describe_addresses")["count"] == 2
    mine = tools.call("cloud.describe_addresses", instance_id=site.instance)["addresses"]
    assert [(each["public_ip"], each["instance_id"]) for each in mine] == [(held["public_ip"], site.instance)]
    one = tools.call("cloud.describe_addresses", public_ip=free["public_ip"])["addresses"]
    assert [(each["allocation_id"], each["instance_id"]) for each in one] == [(free["allocation_id"], None)]
    assert tools.call("cloud.describe_addresses", public_ip="203.0.113.99")["count"] == 0


def test_volumes_and_their_snapshots_are_told(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.describe_volumes", instance_id=site.instance)
    assert found["total_gib"] == 8
    volume = found["volumes"][0]
    assert (volume["device"], volume["size_gib"], volume["state"]) == ("/dev/sda1", 8, "in-use")
    none = tools.call("cloud.describe_snapshots", volume_id=volume["volume_id"])
    assert (none["snapshots"], none["newest_completed"]) == ([], None)
    made = site.ec2.create_snapshot(VolumeId=volume["volume_id"], Description="before")["SnapshotId"]
    some = tools.call("cloud.describe_snapshots", volume_id=volume["volume_id"])
    assert [(each["snapshot_id"], each["description"]) for each in some["snapshots"]] == [(made, "before")]
    assert some["newest_completed"] == made


def test_quotas_count_what_is_used(site: Site, tools: Tools) -> None:
    def quotas() -> dict[str, Any]:
        return {each["name"]: each for each in tools.call("cloud.describe_quotas")["quotas"]}

    assert quotas()["running_instances"] == {"name": "running_instances", "limit": 20, "used": 1, "reached": False}
    for _ in range(5):
        site.add_address()
    assert quotas()["elastic_addresses"] == {"name": "elastic_addresses", "limit": 5, "used": 5, "reached": True}
    site.ec2.stop_instances(InstanceIds=[site.instance])
    assert quotas()["running_instances"]["used"] == 0


def test_an_instance_type_is_told(tools: Tools) -> None:
    assert tools.call("cloud.describe_instance_type", instance_type="t3.large") == {
        "instance_type": "t3.large", "vcpus": 2, "memory_mib": 8192,
    }  # fmt: skip


def test_a_subnet_is_told_with_its_network(site: Site, tools: Tools) -> None:
    found = tools.call("cloud.describe_subnet", instance_id=site.instance)
    assert (found["cidr"], found["vpc_cidrs"], found["maps_public_ip"]) == ("10.20.1.0/24", ["10.20.0.0/16"], True)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("8080", (8080, [8080], "tag")), ("8080, 9090", (None, [8080, 9090], "tag")), ("", (None, [], "")),
     ("none", (None, [], "")), ("99999", (None, [], ""))],
)  # fmt: skip
def test_the_port_a_service_listens_on_is_read_from_its_tag(
    site: Site, tools: Tools, tag: str, expected: tuple[int | None, list[int], str]
) -> None:
    if tag:
        site.ec2.create_tags(Resources=[site.instance], Tags=[{"Key": "service-port", "Value": tag}])
    found = tools.call("cloud.check_listening_port", instance_id=site.instance)
    assert (found["port"], found["ports"], found["found_in"]) == expected
