"""An EC2-compatible API and the cloud's tool server, each a process of its own, on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import grpc
import pytest

from aivis.v1 import tools_pb2 as pb
from aivis.v1.tools_pb2_grpc import ToolsStub

REGION = "us-east-1"
TENANTS = 300


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The EC2-compatible API."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the EC2-compatible API ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # it has nothing to save, and takes long to forget hundreds of accounts
        process.wait(5)


@pytest.fixture(scope="session")
def keys(endpoint: str) -> dict[str, dict[str, str]]:
    """Credentials of one account per tenant."""
    sts = boto3.client(
        "sts", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="k", aws_secret_access_key="s"
    )
    found = {}
    for number in range(TENANTS):
        role = f"arn:aws:iam::{200_000_000_000 + number}:role/support"
        held = sts.assume_role(RoleArn=role, RoleSessionName="support")["Credentials"]
        found[f"tenant-{number}"] = {
            "access_key_id": held["AccessKeyId"],
            "secret_access_key": held["SecretAccessKey"],
            "session_token": held["SessionToken"],
        }
    return found


@dataclass
class ToolServer:
    """`python -m domains.cloud` with its settings."""

    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    address: str = ""
    channels: list[grpc.Channel] = field(default_factory=list)

    def channel(self) -> grpc.Channel:
        """To this start of the server. An idle one that is left open holds up the server's end for seconds."""
        self.channels.append(grpc.insecure_channel(self.address))
        return self.channels[-1]

    def hang_up(self) -> None:
        while self.channels:
            self.channels.pop().close()

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "domains.cloud"], env={**os.environ, **self.environment}, stderr=log
            )
        for _ in range(400):
            lines = [line for line in self.log.read_text().splitlines() if '"serving"' in line]
            if lines:
                self.address = json.loads(lines[0])["address"]
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError("the tool server did not start: " + self.log.read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(5)

    def stop(self) -> None:
        self.hang_up()
        if self.process is not None:
            ended(self.process)


def tool_server(endpoint: str, keys: dict[str, dict[str, str]], folder: Path) -> ToolServer:
    tenants = folder / "tenants.json"
    tenants.write_text(json.dumps(keys))
    return ToolServer(
        {
            "AIVIS_CLOUD_ENDPOINT": endpoint,
            "AIVIS_CLOUD_REGION": REGION,
            "AIVIS_CLOUD_LISTEN": "127.0.0.1:0",
            "AIVIS_CLOUD_JOURNAL": str(folder / "journal.db"),
            "AIVIS_CLOUD_TENANTS": str(tenants),
        },
        folder / "server.log",
    )


@pytest.fixture(scope="session")
def server(
    endpoint: str, keys: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ToolServer]:
    started = tool_server(endpoint, keys, tmp_path_factory.mktemp("cloud"))
    started.start()
    try:
        yield started
    finally:
        started.stop()


@dataclass
class Tools:
    """A caller of the tool server, as one tenant."""

    channel: grpc.Channel
    tenant: str
    seconds: float = 30
    """How long a call may take."""

    def __post_init__(self) -> None:
        self.stub = ToolsStub(self.channel)

    def call(self, tool: str, key: str | None = None, /, **arguments: Any) -> dict[str, Any]:
        request = pb.CallRequest(
            tool=tool,
            arguments=json.dumps(arguments).encode(),
            key=key or str(uuid4()),
            tenant=self.tenant,
            case_id="case-1",
        )
        return dict(json.loads(self.stub.Call(request, timeout=self.seconds).result))

    def undo(self, tool: str, arguments: dict[str, Any], result: dict[str, Any], key: str | None = None) -> Any:
        request = pb.UndoRequest(
            tool=tool,
            key=key or str(uuid4()),
            tenant=self.tenant,
            case_id="case-1",
            undoes="call-1",
            arguments=json.dumps(arguments).encode(),
            result=json.dumps(result).encode(),
        )
        return json.loads(self.stub.Undo(request, timeout=30).result)

    def lookup(self, tool: str, key: str, /, **arguments: Any) -> tuple[str, dict[str, Any] | None]:
        request = pb.LookupRequest(tool=tool, key=key, tenant=self.tenant, arguments=json.dumps(arguments).encode())
        answer = self.stub.Lookup(request, timeout=30)
        result = dict(json.loads(answer.result)) if answer.result else None
        return pb.LookupResponse.Outcome.Name(answer.outcome), result


@dataclass
class Site:
    """A customer's network that works: one public subnet, one instance that port 443 reaches."""

    ec2: Any
    vpc: str = ""
    subnet: str = ""
    gateway: str = ""
    table: str = ""
    acl: str = ""
    group: str = ""
    instance: str = ""
    private_ip: str = ""
    public_ip: str = ""
    image: str = field(default="ami-12c6146b")

    def build(self) -> "Site":
        ec2 = self.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.add_subnet("10.20.1.0/24", public=True)
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=self.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=self.gateway)
        ec2.associate_route_table(SubnetId=self.subnet, RouteTableId=self.table)
        self.acl = self.acl_of(self.subnet)
        self.group = self.add_group("web", 443, "0.0.0.0/0")
        self.instance = self.add_instance(self.subnet, self.group, "web-1")
        self.private_ip = self.described(self.instance)["PrivateIpAddress"]
        self.public_ip = self.described(self.instance)["PublicIpAddress"]
        return self

    def add_subnet(self, cidr: str, *, public: bool = False) -> str:
        made = str(self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr)["Subnet"]["SubnetId"])
        self.ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": public})
        return made

    def add_group(self, name: str, port: int, source: str) -> str:
        made = str(self.ec2.create_security_group(VpcId=self.vpc, GroupName=name, Description=name)["GroupId"])
        self.ec2.authorize_security_group_ingress(
            GroupId=made,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": source}]}],
        )
        return made

    def add_instance(self, subnet: str, group: str, name: str = "other") -> str:
        made = self.ec2.run_instances(
            ImageId=self.image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            SecurityGroupIds=[group],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        )
        return str(made["Instances"][0]["InstanceId"])

    def add_address(self, instance: str | None = None) -> dict[str, str]:
        made = self.ec2.allocate_address(Domain="vpc")
        if instance:
            self.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance)
        return {"public_ip": made["PublicIp"], "allocation_id": made["AllocationId"]}

    def described(self, instance: str) -> dict[str, Any]:
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return dict(found)

    def state(self, instance: str) -> str:
        return str(self.described(instance)["State"]["Name"])

    def acl_of(self, subnet: str) -> str:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        return str(self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"])

    def configuration(self) -> dict[str, Any]:
        """All that effects on the network may change, in an order of its own."""
        here = [{"Name": "vpc-id", "Values": [self.vpc]}]
        gateways = self.ec2.describe_internet_gateways()["InternetGateways"]
        tables = self.ec2.describe_route_tables(Filters=here)["RouteTables"]
        addresses = self.ec2.describe_addresses()["Addresses"]
        return {
            "groups": _sorted(self.ec2.describe_security_groups(Filters=here)["SecurityGroups"]),
            "acls": _sorted(self.ec2.describe_network_acls(Filters=here)["NetworkAcls"]),
            "routes": [(table["RouteTableId"], _sorted(table["Routes"])) for table in tables],
            "users": [[user.get("SubnetId", "main") for user in table["Associations"]] for table in tables],
            "gateways": _sorted(gateways),
            "addresses": _sorted([{**each, "AssociationId": ""} for each in addresses]),
        }


def _sorted(values: Any) -> list[str]:
    return sorted(json.dumps(_plain(value), sort_keys=True, default=str) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True, default=str))
    return value


_numbers = count()


@pytest.fixture
def tenant() -> str:
    """A tenant whose account nothing has touched yet."""
    return f"tenant-{next(_numbers)}"


@pytest.fixture
def ec2(endpoint: str, keys: dict[str, dict[str, str]], tenant: str) -> Any:
    """The test's own client, which the tools do not use."""
    held = keys[tenant]
    return boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=held["access_key_id"],
        aws_secret_access_key=held["secret_access_key"],
        aws_session_token=held["session_token"],
    )


@pytest.fixture
def site(ec2: Any) -> Site:
    return Site(ec2).build()


@pytest.fixture
def tools(server: ToolServer, tenant: str) -> Iterator[Tools]:
    with grpc.insecure_channel(server.address) as channel:
        yield Tools(channel, tenant)
