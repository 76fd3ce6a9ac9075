"""How a person mends each fault by hand, through the EC2 API: the shortest right way."""

from collections.abc import Callable, Mapping

from mypy_boto3_ec2 import EC2Client

from domains.cloud.lab.world import EVERYWHERE, Site, admits


def start(ec2: EC2Client, site: Site) -> None:
    ec2.start_instances(InstanceIds=[site.instance])


def open_for_source(ec2: EC2Client, site: Site) -> None:
    rules = admits(site.plan.port, f"{site.plan.source}/32")
    ec2.authorize_security_group_ingress(GroupId=site.group, IpPermissions=rules)


def open_egress(ec2: EC2Client, site: Site) -> None:
    rules = admits(site.plan.destination_port, f"{site.plan.destination}/32")
    ec2.authorize_security_group_egress(GroupId=site.group, IpPermissions=rules)


def drop_incoming_refusal(ec2: EC2Client, site: Site) -> None:
    ec2.delete_network_acl_entry(NetworkAclId=site.acl, RuleNumber=80, Egress=False)


def drop_outgoing_refusal(ec2: EC2Client, site: Site) -> None:
    ec2.delete_network_acl_entry(NetworkAclId=site.acl, RuleNumber=80, Egress=True)


def add_route(ec2: EC2Client, site: Site) -> None:
    ec2.create_route(RouteTableId=site.table, DestinationCidrBlock=EVERYWHERE, GatewayId=site.gateway)


def turn_route(ec2: EC2Client, site: Site) -> None:
    ec2.replace_route(RouteTableId=site.table, DestinationCidrBlock=EVERYWHERE, GatewayId=site.gateway)


def attach_gateway(ec2: EC2Client, site: Site) -> None:
    ec2.attach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)


def give_new_address(ec2: EC2Client, site: Site) -> None:
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=allocation, InstanceId=site.instance)


def bring_address_back(ec2: EC2Client, site: Site) -> None:
    ec2.associate_address(AllocationId=site.allocation, InstanceId=site.instance, AllowReassociation=True)


def bring_table_back(ec2: EC2Client, site: Site) -> None:
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [site.subnet]}])
    links = tables["RouteTables"][0]["Associations"]
    own = next(link for link in links if link.get("SubnetId") == site.subnet)["RouteTableAssociationId"]
    ec2.replace_route_table_association(AssociationId=own, RouteTableId=site.table)


def extend(ec2: EC2Client, site: Site) -> None:
    ec2.create_snapshot(VolumeId=site.volume, Description="before it grows")
    ec2.modify_volume(VolumeId=site.volume, Size=site.plan.wanted_gib)


def resize(ec2: EC2Client, site: Site) -> None:
    ec2.stop_instances(InstanceIds=[site.instance])
    ec2.modify_instance_attribute(InstanceId=site.instance, InstanceType={"Value": site.plan.wanted_type})
    ec2.start_instances(InstanceIds=[site.instance])


def switch_names_on(ec2: EC2Client, site: Site) -> None:
    ec2.modify_vpc_attribute(VpcId=site.vpc, EnableDnsSupport={"Value": True})


def plug_data_in(ec2: EC2Client, site: Site) -> None:
    ec2.attach_volume(VolumeId=site.data_volume, InstanceId=site.instance, Device="/dev/sdf")


REPAIRS: Mapping[str, Callable[[EC2Client, Site], None]] = {
    "powered-off": start,
    "door-missing": open_for_source,
    "door-for-others": open_for_source,
    "shut-in": open_egress,
    "acl-stops-requests": drop_incoming_refusal,
    "acl-stops-destination": drop_outgoing_refusal,
    "acl-stops-answers": drop_outgoing_refusal,
    "route-gone": add_route,
    "route-dead": turn_route,
    "gateway-loose": attach_gateway,
    "address-lost": give_new_address,
    "address-elsewhere": bring_address_back,
    "table-swapped": bring_table_back,
    "disk-small": extend,
    "type-weak": resize,
    "names-unresolved": switch_names_on,
    "disk-unplugged": plug_data_in,
}
