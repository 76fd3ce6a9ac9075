"""What goes wrong in a customer's cloud, done through the EC2 API as a person would do it by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domains.cloud.lab.account import Entry, Rule
from domains.cloud.lab.api import tagged
from domains.cloud.lab.ends import Facts
from domains.cloud.lab.openings import EPHEMERAL
from domains.cloud.lab.world import EVERYWHERE, Site, add_entry, admits, allocate, around

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

OLD_OFFICE = "198.18.40.0/24"
"""A network that has no business here any more."""

WEAK_TYPE = "t3.nano"


def leave_alone(ec2: EC2Client, site: Site) -> None:
    """Nothing happens."""


def power_off(ec2: EC2Client, site: Site) -> None:
    ec2.stop_instances(InstanceIds=[site.instance])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[site.instance])


def drop_rule(ec2: EC2Client, site: Site) -> None:
    rules = admits(site.plan.port, site.plan.audience)
    ec2.revoke_security_group_ingress(GroupId=site.group, IpPermissions=rules)


def admit_old_office(ec2: EC2Client, site: Site) -> None:
    drop_rule(ec2, site)
    ec2.authorize_security_group_ingress(GroupId=site.group, IpPermissions=admits(site.plan.port, OLD_OFFICE))


def close_egress(ec2: EC2Client, site: Site) -> None:
    ec2.revoke_security_group_egress(
        GroupId=site.group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}]
    )


def refuse_requests(ec2: EC2Client, site: Site) -> None:
    rule = Rule("tcp", site.plan.port, site.plan.port, site.plan.audience)
    add_entry(ec2, site.acl, Entry(80, egress=False, allow=False, rule=rule))


def refuse_destination(ec2: EC2Client, site: Site) -> None:
    port = site.plan.destination_port
    rule = Rule("tcp", port, port, around(site.plan.destination))
    add_entry(ec2, site.acl, Entry(80, egress=True, allow=False, rule=rule))


def refuse_answers(ec2: EC2Client, site: Site) -> None:
    rule = Rule("tcp", *EPHEMERAL, site.plan.audience)
    add_entry(ec2, site.acl, Entry(80, egress=True, allow=False, rule=rule))


def lose_route(ec2: EC2Client, site: Site) -> None:
    ec2.delete_route(RouteTableId=site.table, DestinationCidrBlock=EVERYWHERE)


def route_to_the_dead(ec2: EC2Client, site: Site) -> None:
    """Send the internet's packets to a NAT gateway that is deleted a moment later."""
    named = tagged("natgateway", {"Name": f"{site.plan.name}-nat", **site.tags})
    made = ec2.create_nat_gateway(SubnetId=site.subnet, ConnectivityType="private", TagSpecifications=named)
    nat = made["NatGateway"]["NatGatewayId"]
    ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock=EVERYWHERE, NatGatewayId=nat)
    ec2.delete_nat_gateway(NatGatewayId=nat)


def detach_gateway(ec2: EC2Client, site: Site) -> None:
    """Detach the internet gateway; its route stays, as it does in the real cloud (moto forgets its target)."""
    ec2.detach_internet_gateway(VpcId=site.vpc, InternetGatewayId=site.gateway)
    table = ec2.describe_route_tables(RouteTableIds=[site.table])["RouteTables"][0]
    if all(route.get("GatewayId") != site.gateway for route in table["Routes"]):
        ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock=EVERYWHERE, GatewayId=site.gateway)


def lose_address(ec2: EC2Client, site: Site) -> None:
    _unbind(ec2, site)
    ec2.release_address(AllocationId=site.allocation)


def misplace_address(ec2: EC2Client, site: Site) -> None:
    _unbind(ec2, site)  # in two steps: moto goes on showing an address where it was taken over from
    ec2.associate_address(AllocationId=site.allocation, InstanceId=site.standby)


def _unbind(ec2: EC2Client, site: Site) -> None:
    address = ec2.describe_addresses(AllocationIds=[site.allocation])["Addresses"][0]
    ec2.disassociate_address(AssociationId=address["AssociationId"])


def swap_table(ec2: EC2Client, site: Site) -> None:
    """Put the public subnet under the VPC's main route table, which leads nowhere outside."""
    filters = [{"Name": "vpc-id", "Values": [site.vpc]}, {"Name": "association.main", "Values": ["true"]}]
    main = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]  # type: ignore[arg-type]
    ec2.replace_route_table_association(AssociationId=site.table_association, RouteTableId=main)


def terminate(ec2: EC2Client, site: Site) -> None:
    ec2.terminate_instances(InstanceIds=[site.instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[site.instance])


def weaken(ec2: EC2Client, site: Site) -> None:
    power_off(ec2, site)
    ec2.modify_instance_attribute(InstanceId=site.instance, InstanceType={"Value": WEAK_TYPE})
    ec2.start_instances(InstanceIds=[site.instance])
    ec2.get_waiter("instance_running").wait(InstanceIds=[site.instance])


def use_up_addresses(ec2: EC2Client, site: Site) -> Facts:
    """Allocate addresses for the customer until the account's own limit per customer is reached."""
    attributes = ec2.describe_account_attributes()["AccountAttributes"]
    found = next(each for each in attributes if each["AttributeName"] == "vpc-max-elastic-ips")
    limit = int(found["AttributeValues"][0]["AttributeValue"])
    for number in range(2, limit + 1):
        allocate(ec2, f"{site.plan.name}-{number}", site.tags)
    return {"limit": str(limit)}


def switch_names_off(ec2: EC2Client, site: Site) -> None:
    ec2.modify_vpc_attribute(VpcId=site.vpc, EnableDnsSupport={"Value": False})


def unplug_data(ec2: EC2Client, site: Site) -> None:
    ec2.detach_volume(VolumeId=site.data_volume, InstanceId=site.instance)


def have_idle_address(ec2: EC2Client, site: Site) -> Facts:
    """Allocate one more address that nothing uses. No mishap: somebody forgot it."""
    allocation, address = allocate(ec2, f"{site.plan.name}-old", site.tags)
    return {"idle_allocation": allocation, "idle_ip": address}
