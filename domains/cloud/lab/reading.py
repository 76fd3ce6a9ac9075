"""Read the account's configuration through the EC2 API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING

from domains.cloud.lab.account import (
    Account,
    Acl,
    Address,
    Copy,
    Entry,
    Gateway,
    Group,
    Instance,
    Item,
    Nat,
    Network,
    Rule,
    Table,
    Volume,
)
from domains.cloud.lab.api import WORKERS

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        IpPermissionOutputTypeDef,
        NetworkAclEntryTypeDef,
        RouteTypeDef,
        TagTypeDef,
    )

_PER_CALL = 200
"""Values one filter of the EC2 API takes."""

_PROTOCOLS = {"-1": "all", "6": "tcp", "17": "udp", "1": "icmp"}


def read(ec2: EC2Client, vpcs: Collection[str] = ()) -> Account:
    """The account as it is now, every page of it; botocore's errors pass through.

    With `vpcs`, what lies in others is left out, which is quicker; what lies in no VPC is always there.
    """
    inside: list[FilterTypeDef] = [{"Name": "vpc-id", "Values": sorted(vpcs)}] if vpcs else []
    readers: Sequence[Callable[[EC2Client, list[FilterTypeDef]], Iterable[Item]]] = (
        _networks,
        _tables,
        _acls,
        _groups,
        _gateways,
        _nats,
        _instances,
        _disks,
        _addresses,
    )
    with ThreadPoolExecutor(WORKERS) as pool:
        found = chain.from_iterable(pool.map(lambda reader: list(reader(ec2, inside)), readers))
        return Account({item.id: item for item in found})


def _tags(tags: Iterable[TagTypeDef]) -> dict[str, str]:
    return {tag.get("Key", ""): tag.get("Value", "") for tag in tags}


def _named(tags: Iterable[TagTypeDef]) -> dict[str, str]:
    values = _tags(tags)
    return {"name": values.get("Name", ""), "owner": values.get("owner", "")}


def _networks(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for vpc in ec2.get_paginator("describe_vpcs").paginate(Filters=inside).build_full_result()["Vpcs"]:
        names = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute="enableDnsSupport")["EnableDnsSupport"]
        yield Network(
            vpc["VpcId"], **_named(vpc.get("Tags", [])), vpc=vpc["VpcId"], resolves_names=names.get("Value", False)
        )


def _tables(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for table in ec2.get_paginator("describe_route_tables").paginate(Filters=inside).build_full_result()["RouteTables"]:
        links = table.get("Associations", [])
        yield Table(
            table["RouteTableId"],
            **_named(table.get("Tags", [])),
            vpc=table["VpcId"],
            main=any(link.get("Main", False) for link in links),
            routes=frozenset(_route(route) for route in table.get("Routes", [])),
            subnets=frozenset(link["SubnetId"] for link in links if "SubnetId" in link),
        )


def _route(route: RouteTypeDef) -> tuple[str, str]:
    destination = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
    target = (
        route.get("GatewayId")
        or route.get("NatGatewayId")
        or route.get("InstanceId")
        or route.get("NetworkInterfaceId")
        or route.get("VpcPeeringConnectionId")
        or route.get("TransitGatewayId")
        or route.get("EgressOnlyInternetGatewayId")
    )
    return destination or route.get("DestinationPrefixListId", ""), target or ""


def _acls(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for acl in ec2.get_paginator("describe_network_acls").paginate(Filters=inside).build_full_result()["NetworkAcls"]:
        yield Acl(
            acl["NetworkAclId"],
            **_named(acl.get("Tags", [])),
            vpc=acl["VpcId"],
            entries=frozenset(_entry(entry) for entry in acl.get("Entries", [])),
            subnets=frozenset(link["SubnetId"] for link in acl.get("Associations", [])),
        )


def _entry(entry: NetworkAclEntryTypeDef) -> Entry:
    protocol = entry.get("Protocol", "-1")
    ports = entry.get("PortRange", {})
    rule = Rule(
        _PROTOCOLS.get(protocol, protocol),
        ports.get("From", 0),
        ports.get("To", 65535),
        entry.get("CidrBlock") or entry.get("Ipv6CidrBlock", ""),
    )
    return Entry(entry.get("RuleNumber", 0), entry.get("Egress", False), entry.get("RuleAction") == "allow", rule)


def _groups(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for group in (
        ec2.get_paginator("describe_security_groups").paginate(Filters=inside).build_full_result()["SecurityGroups"]
    ):
        yield Group(
            group["GroupId"],
            **_named(group.get("Tags", [])),
            vpc=group.get("VpcId", ""),
            ingress=frozenset(_rules(group.get("IpPermissions", []))),
            egress=frozenset(_rules(group.get("IpPermissionsEgress", []))),
        )


def _rules(permissions: Iterable[IpPermissionOutputTypeDef]) -> Iterator[Rule]:
    for permission in permissions:
        protocol = permission.get("IpProtocol", "-1")
        protocol = _PROTOCOLS.get(protocol, protocol)
        whole = protocol not in ("tcp", "udp")
        first, last = (0, 65535) if whole else (permission.get("FromPort", 0), permission.get("ToPort", 65535))
        peers = chain(
            (block.get("CidrIp", "") for block in permission.get("IpRanges", [])),
            (block.get("CidrIpv6", "") for block in permission.get("Ipv6Ranges", [])),
            (pair.get("GroupId", "") for pair in permission.get("UserIdGroupPairs", [])),
            (prefix.get("PrefixListId", "") for prefix in permission.get("PrefixListIds", [])),
        )
        yield from (Rule(protocol, first, last, peer) for peer in peers)


def _gateways(ec2: EC2Client, _: list[FilterTypeDef]) -> Iterator[Item]:
    for gateway in ec2.get_paginator("describe_internet_gateways").paginate().build_full_result()["InternetGateways"]:
        attached = [link["VpcId"] for link in gateway.get("Attachments", [])]
        yield Gateway(
            gateway["InternetGatewayId"], **_named(gateway.get("Tags", [])), vpc=attached[0] if attached else ""
        )


def _nats(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for nat in ec2.get_paginator("describe_nat_gateways").paginate(Filters=inside).build_full_result()["NatGateways"]:
        yield Nat(nat["NatGatewayId"], **_named(nat.get("Tags", [])), vpc=nat["VpcId"], state=nat["State"])


def _instances(ec2: EC2Client, inside: list[FilterTypeDef]) -> Iterator[Item]:
    for reservation in (
        ec2.get_paginator("describe_instances").paginate(Filters=inside).build_full_result()["Reservations"]
    ):
        for instance in reservation.get("Instances", []):
            yield Instance(
                instance["InstanceId"],
                **_named(instance.get("Tags", [])),
                vpc=instance.get("VpcId", ""),
                state=instance["State"]["Name"],
                type=instance["InstanceType"],
                subnet=instance.get("SubnetId", ""),
                groups=frozenset(group["GroupId"] for group in instance.get("SecurityGroups", [])),
                tags=frozenset(_tags(instance.get("Tags", [])).items()),
            )


def _disks(ec2: EC2Client, _: list[FilterTypeDef]) -> Iterator[Item]:
    volumes = ec2.get_paginator("describe_volumes").paginate().build_full_result()["Volumes"]
    for volume in volumes:
        attached = [link["InstanceId"] for link in volume.get("Attachments", [])]
        yield Volume(
            volume["VolumeId"],
            **_named(volume.get("Tags", [])),
            vpc="",
            gib=volume["Size"],
            instance=attached[0] if attached else "",
        )
    yield from _copies(ec2, [volume["VolumeId"] for volume in volumes])


def _copies(ec2: EC2Client, volumes: Sequence[str]) -> Iterator[Item]:
    """Snapshots of these volumes only: the account "owns" a thousand of the practice server's own."""
    for start in range(0, len(volumes), _PER_CALL):
        wanted = volumes[start : start + _PER_CALL]
        pages = ec2.get_paginator("describe_snapshots").paginate(Filters=[{"Name": "volume-id", "Values": wanted}])
        for copy in pages.build_full_result()["Snapshots"]:
            yield Copy(copy["SnapshotId"], **_named(copy.get("Tags", [])), vpc="", volume=copy["VolumeId"])


def _addresses(ec2: EC2Client, _: list[FilterTypeDef]) -> Iterator[Item]:
    for address in ec2.describe_addresses()["Addresses"]:
        yield Address(
            address["AllocationId"],
            **_named(address.get("Tags", [])),
            vpc="",
            ip=address["PublicIp"],
            instance=address.get("InstanceId", ""),
        )
