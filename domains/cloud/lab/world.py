"""Build one customer's healthy cloud through the EC2 API.

A site is a VPC with a public and a private subnet, an internet gateway, a route table for the public subnet, a
security group, a network ACL with one standing refusal (telnet), the customer's instance with a volume and an
elastic address in the public subnet, and a standby instance in the private one, which no ticket is about.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict

from domains.cloud.lab.account import Entry, Rule
from domains.cloud.lab.api import tagged

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import BlockDeviceMappingTypeDef, IpPermissionTypeDef

EVERYWHERE = "0.0.0.0/0"

LINUX_IMAGE = "ami-04681a1dbd79675a5"
"""An image that moto's catalogue holds: Amazon Linux 2 of 2018, root device /dev/xvda."""

ADMINISTRATORS = "192.0.2.16/28"
"""Where every customer's own administrators sit: they may reach port 22, whatever the ticket is about."""


class Plan(BaseModel):
    """What a site is to look like while it is healthy, and what its ticket speaks of. Sizes in GiB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer: str
    name: str
    kinds: tuple[str, ...] = ()
    """What befalls the site once it is built: keys of `domains.cloud.lab.faults.KINDS`."""
    number: int = 0
    """0 to 255: the VPC is 10.NUMBER.0.0/16."""
    port: int = 443
    """Where the service listens; the instance's `service-port` tag says so."""
    asked_port: int = 0
    """The port the ticket names; 0: the service's own."""
    source: str = "203.0.113.7"
    """The address the customer comes from."""
    public: bool = False
    """The service is meant for everyone, not for the customer's own network (the /24 around `source`) alone."""
    closed: bool = False
    """No rule admits anyone to the service yet."""
    destination: str = "198.51.100.20"
    """Where the instance itself wants to reach out to, at `destination_port`."""
    destination_port: int = 443
    gib: int = 20
    wanted_gib: int = 40
    type: str = "t3.small"
    wanted_type: str = "t3.large"
    data_disk: bool = False

    @property
    def audience(self) -> str:
        """The CIDR block the service is meant for."""
        return EVERYWHERE if self.public else around(self.source)


class Site(BaseModel):
    """A site as it was built: its plan and the ids the cloud gave it."""

    model_config = ConfigDict(frozen=True)

    plan: Plan
    tags: dict[str, str]
    """What everything of this customer's carries besides its Name."""
    vpc: str
    subnet: str
    acl: str
    gateway: str
    table: str
    """The public subnet's route table."""
    table_association: str
    group: str
    instance: str
    standby: str
    volume: str
    data_volume: str = ""
    allocation: str
    address: str
    """The elastic address, as dotted numbers."""


def around(address: str) -> str:
    """The /24 that `address` lies in."""
    return str(ip_network(f"{address}/24", strict=False))


def admits(port: int, cidr: str) -> list[IpPermissionTypeDef]:
    """The security group rule that lets `cidr` in (or out) on TCP `port`."""
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]


def build(ec2: EC2Client, plan: Plan, tenant: str) -> Site:
    """Build `plan` for a customer of `tenant`, in about 20 calls. botocore's errors pass through."""
    tags = {"owner": plan.customer, "tenant": tenant}
    vpc, public, private = _network(ec2, plan, tags)
    gateway, table, association = _way_out(ec2, plan, tags, vpc, public)
    group = _group(ec2, plan, tags, vpc)
    instance, volumes = _launch(ec2, plan, {**tags, "service-port": str(plan.port)}, public, group)
    idle = plan.model_copy(update={"name": f"{plan.name}-standby", "data_disk": False, "type": "t3.small"})
    standby, _ = _launch(ec2, idle, tags, private, group)
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance, standby])
    allocation, address = allocate(ec2, plan.name, tags)
    ec2.associate_address(AllocationId=allocation, InstanceId=instance)
    return Site(
        plan=plan,
        tags=tags,
        vpc=vpc,
        subnet=public,
        acl=_refuse_telnet(ec2, vpc),
        gateway=gateway,
        table=table,
        table_association=association,
        group=group,
        instance=instance,
        standby=standby,
        volume=volumes[0],
        data_volume=volumes[1] if plan.data_disk else "",
        allocation=allocation,
        address=address,
    )


def allocate(ec2: EC2Client, name: str, tags: dict[str, str]) -> tuple[str, str]:
    """A new elastic address: its allocation id and its dotted numbers."""
    got = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", {"Name": name, **tags}))
    return got["AllocationId"], got["PublicIp"]


def _network(ec2: EC2Client, plan: Plan, tags: dict[str, str]) -> tuple[str, str, str]:
    def subnet(third: int, word: str) -> str:
        named = tagged("subnet", {"Name": f"{plan.name}-{word}", **tags})
        block = f"10.{plan.number}.{third}.0/24"
        return ec2.create_subnet(VpcId=vpc, CidrBlock=block, TagSpecifications=named)["Subnet"]["SubnetId"]

    named = tagged("vpc", {"Name": f"{plan.name}-vpc", **tags})
    vpc = ec2.create_vpc(CidrBlock=f"10.{plan.number}.0.0/16", TagSpecifications=named)["Vpc"]["VpcId"]
    return vpc, subnet(1, "public"), subnet(2, "private")


def _way_out(ec2: EC2Client, plan: Plan, tags: dict[str, str], vpc: str, subnet: str) -> tuple[str, str, str]:
    named = tagged("internet-gateway", {"Name": f"{plan.name}-gateway", **tags})
    gateway = ec2.create_internet_gateway(TagSpecifications=named)["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    named = tagged("route-table", {"Name": f"{plan.name}-public", **tags})
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=named)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=EVERYWHERE, GatewayId=gateway)
    return gateway, table, ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]


def _group(ec2: EC2Client, plan: Plan, tags: dict[str, str], vpc: str) -> str:
    name = f"{plan.name}-firewall"
    named = tagged("security-group", {"Name": name, **tags})
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc, TagSpecifications=named)["GroupId"]
    rules = admits(22, ADMINISTRATORS) + ([] if plan.closed else admits(plan.port, plan.audience))
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    return group


def _refuse_telnet(ec2: EC2Client, vpc: str) -> str:
    found = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    acl = found["NetworkAcls"][0]["NetworkAclId"]
    add_entry(ec2, acl, Entry(50, egress=False, allow=False, rule=Rule("tcp", 23, 23, EVERYWHERE)))
    return acl


def add_entry(ec2: EC2Client, acl: str, entry: Entry) -> None:
    """Add a TCP `entry` to the network ACL `acl`."""
    ec2.create_network_acl_entry(
        NetworkAclId=acl,
        RuleNumber=entry.number,
        Protocol="6",
        RuleAction="allow" if entry.allow else "deny",
        Egress=entry.egress,
        CidrBlock=entry.rule.peer,
        PortRange={"From": entry.rule.first, "To": entry.rule.last},
    )


def _launch(ec2: EC2Client, plan: Plan, tags: dict[str, str], subnet: str, group: str) -> tuple[str, list[str]]:
    tags = {"Name": plan.name, **tags}
    launched = ec2.run_instances(
        ImageId=LINUX_IMAGE,
        MinCount=1,
        MaxCount=1,
        InstanceType=cast("InstanceTypeType", plan.type),
        SubnetId=subnet,
        SecurityGroupIds=[group],
        BlockDeviceMappings=_disks(plan),
        TagSpecifications=tagged("instance", tags) + tagged("volume", tags),
    )["Instances"][0]
    volumes = {disk["DeviceName"]: disk["Ebs"]["VolumeId"] for disk in launched["BlockDeviceMappings"]}
    return launched["InstanceId"], [volumes[name] for name in sorted(volumes, reverse=True)]


def _disks(plan: Plan) -> list[BlockDeviceMappingTypeDef]:
    disks: list[BlockDeviceMappingTypeDef] = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": plan.gib, "VolumeType": "gp3"}}
    ]
    if plan.data_disk:
        disks.append({"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 100, "VolumeType": "gp3"}})
    return disks
