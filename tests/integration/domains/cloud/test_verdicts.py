"""Every verdict of the analyser, from a live configuration that someone broke through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.domains.cloud.conftest import Site, Tools

CUSTOMER = "203.0.113.7"


def deny(site: Site, *, egress: bool, first: int, last: int) -> None:
    site.ec2.create_network_acl_entry(
        NetworkAclId=site.acl, RuleNumber=50, Protocol="6", RuleAction="deny", Egress=egress,
        CidrBlock="0.0.0.0/0", PortRange={"From": first, "To": last},
    )  # fmt: skip


def stop(site: Site) -> None:
    site.ec2.stop_instances(InstanceIds=[site.instance])


def terminate(site: Site) -> None:
    site.ec2.terminate_instances(InstanceIds=[site.instance])


def detach(site: Site) -> None:
    site.ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)


def drop_route(site: Site) -> None:
    site.ec2.delete_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0")


def main_table(site: Site) -> None:
    tables = site.ec2.describe_route_tables(RouteTableIds=[site.table])["RouteTables"]
    site.ec2.disassociate_route_table(AssociationId=tables[0]["Associations"][0]["RouteTableAssociationId"])


def nat_route(site: Site) -> str:
    made = site.ec2.create_nat_gateway(SubnetId=site.subnet, AllocationId=site.add_address()["allocation_id"])
    nat = str(made["NatGateway"]["NatGatewayId"])
    site.ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    return nat


def dead_route(site: Site) -> None:
    site.ec2.delete_nat_gateway(NatGatewayId=nat_route(site))


def dead_interface(site: Site) -> None:
    made = site.ec2.create_network_interface(SubnetId=site.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    site.ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=made)
    site.ec2.delete_network_interface(NetworkInterfaceId=made)


def close_in(site: Site) -> None:
    rules = site.ec2.describe_security_groups(GroupIds=[site.group])["SecurityGroups"][0]["IpPermissions"]
    site.ec2.revoke_security_group_ingress(GroupId=site.group, IpPermissions=rules)


def close_out(site: Site) -> None:
    rules = site.ec2.describe_security_groups(GroupIds=[site.group])["SecurityGroups"][0]["IpPermissionsEgress"]
    site.ec2.revoke_security_group_egress(GroupId=site.group, IpPermissions=rules)


def take_address(site: Site) -> None:
    other = site.add_instance(site.subnet, site.group)
    held = site.add_address(site.instance)
    site.ec2.associate_address(AllocationId=held["allocation_id"], InstanceId=other, AllowReassociation=True)


Break = Callable[[Site], Any]
INBOUND: list[tuple[Break, str, str]] = [
    (stop, "instance_not_running", "instance"),
    (terminate, "instance_terminating", "instance"),
    (take_address, "no_public_address", "public_address"),
    (detach, "gateway_detached", "internet_gateway"),
    (drop_route, "no_route", "route_table"),
    (main_table, "no_route", "route_table"),
    (dead_route, "blackhole_route", "route_table"),
    (dead_interface, "blackhole_route", "route_table"),
    (nat_route, "route_elsewhere", "route_table"),
    (lambda site: deny(site, egress=False, first=443, last=443), "acl_denies_in", "network_acl"),
    (lambda site: deny(site, egress=True, first=1024, last=65535), "acl_denies_out", "network_acl"),
    (close_in, "sg_denies_in", "security_group"),
]
OUTBOUND: list[tuple[Break, str, str]] = [
    (stop, "instance_not_running", "instance"),
    (close_out, "sg_denies_out", "security_group"),
    (lambda site: deny(site, egress=True, first=443, last=443), "acl_denies_out", "network_acl"),
    (lambda site: deny(site, egress=False, first=1024, last=65535), "acl_denies_in", "network_acl"),
    (drop_route, "no_route", "route_table"),
    (dead_route, "blackhole_route", "route_table"),
    (detach, "gateway_detached", "route_table"),
    (take_address, "no_public_address", "public_address"),
    (nat_route, "nat_no_route", "nat_route_table"),
]


def decided(verdict: dict[str, Any]) -> tuple[bool, str, str]:
    return verdict["reachable"], verdict["decides"], verdict["decides_component"]


@pytest.mark.parametrize(("spoil", "code", "component"), INBOUND, ids=[each[1] for each in INBOUND])
def test_a_port_that_is_not_reachable_tells_what_decides(
    site: Site, tools: Tools, spoil: Break, code: str, component: str
) -> None:
    spoil(site)
    verdict = tools.call("cloud.analyze_path", instance_id=site.instance, source=CUSTOMER, port=443)
    assert decided(verdict) == (False, code, component)
    assert verdict["explains"]


@pytest.mark.parametrize(("spoil", "code", "component"), OUTBOUND, ids=[each[1] for each in OUTBOUND])
def test_a_destination_that_is_not_reached_tells_what_decides(
    site: Site, tools: Tools, spoil: Break, code: str, component: str
) -> None:
    spoil(site)
    verdict = tools.call("cloud.analyze_egress", instance_id=site.instance, destination=CUSTOMER, port=443)
    assert decided(verdict) == (False, code, component)


def test_a_sound_site_is_reachable_and_names_all_that_takes_part(site: Site, tools: Tools) -> None:
    verdict = tools.call("cloud.analyze_path", instance_id=site.instance, source=CUSTOMER, port=443)
    assert decided(verdict) == (True, "", "")
    assert (verdict["acl_id"], verdict["route_table_id"], verdict["gateway_id"], verdict["security_group_ids"]) == (
        site.acl, site.table, site.gateway, [site.group],
    )  # fmt: skip
    assert all(hop["allowed"] for hop in verdict["hops"])
    out = tools.call("cloud.analyze_egress", instance_id=site.instance, destination="0.0.0.0/0", port=443)
    assert decided(out) == (True, "", "")


def test_the_deciding_rule_is_named(site: Site, tools: Tools) -> None:
    deny(site, egress=False, first=443, last=443)
    close_in(site)
    verdict = tools.call("cloud.analyze_path", instance_id=site.instance, source=CUSTOMER, port=443)
    assert (verdict["decides_id"], verdict["decides_rule"]) == (site.acl, "50")
    assert verdict["also_wrong"] == ["sg_denies_in"]


def test_a_private_source_in_the_network_passes_both_subnets_and_both_groups(site: Site, tools: Tools) -> None:
    inner = site.add_subnet("10.20.2.0/24")
    app = site.add_group("app", 9000, "10.0.0.0/8")
    source = site.described(site.add_instance(inner, app))["PrivateIpAddress"]
    verdict = tools.call("cloud.analyze_path", instance_id=site.instance, source=source, port=443)
    assert verdict["reachable"]
    assert [hop["component"] for hop in verdict["hops"]] == [
        "instance", "remote_security_group", "remote_network_acl", "remote_route_table", "network_acl",
        "security_group", "network_acl", "route_table", "remote_network_acl",
    ]  # fmt: skip
    rules = site.ec2.describe_security_groups(GroupIds=[app])["SecurityGroups"][0]["IpPermissionsEgress"]
    site.ec2.revoke_security_group_egress(GroupId=app, IpPermissions=rules)
    shut = tools.call("cloud.analyze_path", instance_id=site.instance, source=source, port=443)
    assert decided(shut) == (False, "remote_sg_denies", "remote_security_group")


def test_a_rule_that_names_a_group_lets_its_members_in(site: Site, tools: Tools) -> None:
    app = site.add_group("app", 9000, "10.0.0.0/8")
    source = site.described(site.add_instance(site.subnet, app))["PrivateIpAddress"]
    close_in(site)
    before = tools.call("cloud.analyze_path", instance_id=site.instance, source=source, port=443)
    tools.call("cloud.authorize_ingress", group_id=site.group, port=443, source=app)
    after = tools.call("cloud.analyze_path", instance_id=site.instance, source=source, port=443)
    assert (before["decides"], after["decides"]) == ("sg_denies_in", "")


def test_a_private_instance_goes_out_by_a_nat_gateway(site: Site, tools: Tools) -> None:
    inner = site.add_subnet("10.20.2.0/24")
    made = site.ec2.create_nat_gateway(SubnetId=site.subnet, AllocationId=site.add_address()["allocation_id"])
    table = site.ec2.create_route_table(VpcId=site.vpc)["RouteTable"]["RouteTableId"]
    site.ec2.create_route(
        RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made["NatGateway"]["NatGatewayId"]
    )
    site.ec2.associate_route_table(SubnetId=inner, RouteTableId=table)
    instance = site.add_instance(inner, site.group)
    out = tools.call("cloud.analyze_egress", instance_id=instance, destination=CUSTOMER, port=443)
    back = tools.call("cloud.analyze_path", instance_id=instance, source=CUSTOMER, port=443)
    assert (out["decides"], back["decides"]) == ("", "no_public_address")


def test_a_rule_by_prefix_list_is_seen(site: Site, tools: Tools) -> None:
    made = site.ec2.create_managed_prefix_list(
        PrefixListName="offices", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "203.0.113.0/24"}]
    )["PrefixList"]["PrefixListId"]
    close_in(site)
    site.ec2.authorize_security_group_ingress(
        GroupId=site.group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": made}]}
        ],
    )
    verdict = tools.call("cloud.analyze_path", instance_id=site.instance, source=CUSTOMER, port=443)
    assert verdict["reachable"]
    other = tools.call("cloud.analyze_path", instance_id=site.instance, source="198.51.100.1", port=443)
    assert other["decides"] == "sg_denies_in"
