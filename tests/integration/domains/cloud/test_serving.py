"""What the server offers to any gRPC client, and how it answers what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from jsonschema import Draft202012Validator

from aivis.v1 import tools_pb2 as pb
from aivis.v1.tools_pb2_grpc import ToolsStub
from tests.integration.domains.cloud.conftest import Site, Tools, ToolServer

READS = """analyze_egress analyze_path check_listening_port describe_addresses describe_instance
describe_instance_status describe_instance_type describe_internet_gateway describe_network_acl describe_quotas
describe_route_table
describe_security_groups describe_snapshots describe_subnet describe_volumes find_instances get_console_output"""
REVERSIBLE = """allocate_address associate_address associate_route_table attach_internet_gateway authorize_egress
authorize_ingress create_acl_entry create_internet_gateway create_route create_snapshot delete_acl_entry delete_route
replace_acl_entry replace_route resize_instance revoke_egress revoke_ingress start_instance tag_resource"""
DESTRUCTIVE = "disassociate_address extend_volume reboot_instance release_address stop_instance terminate_instance"


@pytest.fixture
def channel(server: ToolServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as opened:
        yield opened


@pytest.fixture
def listed(channel: grpc.Channel) -> dict[str, pb.Tool]:
    return {tool.name: tool for tool in ToolsStub(channel).List(pb.ListRequest(), timeout=10).tools}


@pytest.mark.parametrize(
    ("risk", "names"),
    [(pb.RISK_READ, READS), (pb.RISK_REVERSIBLE, REVERSIBLE), (pb.RISK_DESTRUCTIVE, DESTRUCTIVE)],
    ids=["read", "reversible", "destructive"],
)
def test_every_tool_is_listed_with_its_risk(listed: dict[str, pb.Tool], risk: pb.Risk.ValueType, names: str) -> None:
    found = {name for name, tool in listed.items() if tool.risk == risk}
    assert found == {f"cloud.{name}" for name in names.split()}


def test_every_declaration_is_complete(listed: dict[str, pb.Tool]) -> None:
    for name, tool in listed.items():
        assert tool.description, name
        assert tool.owner == "cloud-team", name
        assert tool.version, name
        assert tool.timeout.ToSeconds() > 0, name
        for schema in (json.loads(tool.arguments_schema), json.loads(tool.result_schema)):
            Draft202012Validator.check_schema(schema)
            assert schema["additionalProperties"] is False, name
        if tool.risk != pb.RISK_READ:
            assert tool.resource_argument in json.loads(tool.arguments_schema)["properties"], name
            assert tool.undoable or tool.risk == pb.RISK_DESTRUCTIVE, name
            assert (tool.dedupe_window.ToSeconds() > 0) == (tool.repeat == pb.REPEAT_DEDUPES), name
            assert (tool.settling_time.ToSeconds() > 0) == (tool.repeat == pb.REPEAT_LOOKUP), name


def test_a_result_satisfies_its_declared_schema(listed: dict[str, pb.Tool], site: Site, tools: Tools) -> None:
    ours: dict[str, Any] = {"instance_id": site.instance}
    calls = {
        "cloud.analyze_path": {**ours, "source": "203.0.113.7", "port": 443},
        "cloud.describe_route_table": ours,
        "cloud.describe_instance": ours,
        "cloud.describe_quotas": {},
    }
    for name, arguments in calls.items():
        Draft202012Validator(json.loads(listed[name].arguments_schema)).validate(arguments)
        Draft202012Validator(json.loads(listed[name].result_schema)).validate(tools.call(name, **arguments))


def test_health_says_serving_for_the_server_and_for_the_service(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "aivis.v1.Tools"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as error:
        health.Check(health_pb2.HealthCheckRequest(service="aivis.v1.Else"), timeout=10)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_tells_the_services_and_their_methods(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="aivis.v1.Tools"),
    ]
    services, described = list(stub.ServerReflectionInfo(iter(asked), timeout=10))
    names = {each.name for each in services.list_services_response.service}
    assert names >= {"aivis.v1.Tools", "grpc.health.v1.Health"}
    assert b"Undo" in described.file_descriptor_response.file_descriptor_proto[0]


def violations(error: grpc.RpcError) -> list[str]:
    trailing: dict[str, Any] = {each.key: each.value for each in error.trailing_metadata() or ()}
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(request)
    return [each.field for each in request.field_violations]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("cloud.describe_instance", {}, "instance_id"),
        ("cloud.describe_instance", {"instance_id": "i-0123; rm -rf /"}, "instance_id"),
        ("cloud.describe_instance", {"instance_id": "i-0123456789abcdef0", "verbose": True}, "verbose"),
        ("cloud.analyze_path", {"instance_id": "i-0123456789abcdef0", "source": "2.2.2.999", "port": 1}, "source"),
        ("cloud.analyze_path", {"instance_id": "i-0123456789abcdef0", "source": "::/0", "port": 1}, "source"),
        ("cloud.authorize_ingress", {"group_id": "sg-01234567", "port": "443", "source": "10.0.0.1"}, "port"),
        ("cloud.authorize_ingress", {"group_id": "sg-01234567", "port": 70000, "source": "10.0.0.1"}, "port"),
        ("cloud.tag_resource", {"resource_id": "i-01234567", "key": "aivis-key", "value": "x"}, "key"),
        ("cloud.create_acl_entry", {"acl_id": "acl-01234567", "rule_number": 1, "egress": False, "action": "allow",
                                    "cidr": "10.0.0.0/8", "from_port": 9, "to_port": 8}, ""),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_with_the_field_at_fault(
    tools: Tools, tool: str, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        tools.call(tool, **arguments)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert violations(error.value) == [field]


def test_a_call_without_tenant_or_key_is_refused(channel: grpc.Channel) -> None:
    stub = ToolsStub(channel)
    arguments = b'{"instance_id": "i-0123456789abcdef0"}'
    with pytest.raises(grpc.RpcError) as error:
        stub.Call(pb.CallRequest(tool="cloud.describe_instance", arguments=arguments), timeout=10)
    assert violations(error.value) == ["tenant"]
    with pytest.raises(grpc.RpcError) as error:
        stub.Call(pb.CallRequest(tool="cloud.stop_instance", arguments=arguments, tenant="tenant-0"), timeout=10)
    assert violations(error.value) == ["key"]


def test_an_unknown_tool_and_an_undo_that_does_not_exist_are_told(tools: Tools) -> None:
    with pytest.raises(grpc.RpcError) as error:
        tools.call("cloud.format_disk")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    this = {"instance_id": "i-0123456789abcdef0"}
    with pytest.raises(grpc.RpcError) as error:
        tools.undo("cloud.reboot_instance", this, {**this, "state": "running"})
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_tenant_sees_its_own_account_and_an_unknown_one_sees_none(site: Site, tools: Tools) -> None:
    tools.call("cloud.authorize_ingress", "key-1", group_id=site.group, port=22, source="198.51.100.7")
    other = Tools(tools.channel, "tenant-299")
    with pytest.raises(grpc.RpcError) as error:
        other.call("cloud.describe_instance", instance_id=site.instance)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert other.call("cloud.find_instances")["count"] == 0
    assert other.lookup("cloud.authorize_ingress", "key-1", group_id=site.group, port=22, source="198.51.100.7") == (
        "UNKNOWN", None,
    )  # fmt: skip
    with pytest.raises(grpc.RpcError) as error:
        Tools(tools.channel, "stranger").call("cloud.find_instances")
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "AIVIS_CLOUD_TENANTS" in str(error.value.details())


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"AIVIS_CLOUD_REGOIN": "eu-central-1"}, "AIVIS_CLOUD_REGION"),
        ({"AIVIS_CLOUD_LISTEN": "nowhere"}, "AIVIS_CLOUD_LISTEN"),
        ({"AIVIS_CLOUD_TENANTS": "/nowhere/tenants.json"}, "/nowhere/tenants.json"),
        ({"AIVIS_CLOUD_JOURNAL": "/proc/journal.db"}, "/proc/journal.db"),
    ],
)
def test_a_server_that_cannot_start_says_what_to_mend(environment: dict[str, str], says: str, tmp_path: Path) -> None:
    settings = {"AIVIS_CLOUD_LISTEN": "127.0.0.1:0", "AIVIS_CLOUD_JOURNAL": str(tmp_path / "journal.db"), **environment}
    ended = subprocess.run(
        [sys.executable, "-m", "domains.cloud"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_an_api_calls_are_unavailable_and_the_server_stays(
    keys: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    from tests.integration.domains.cloud.conftest import free_port, tool_server

    lonely = tool_server(f"http://127.0.0.1:{free_port()}", keys, tmp_path)
    lonely.start()
    try:
        tools = Tools(lonely.channel(), "tenant-0")
        for call in (
            ("cloud.describe_quotas", {}),
            ("cloud.reboot_instance", {"instance_id": "i-0123456789abcdef0"}),
            ("cloud.describe_quotas", {}),
        ):
            with pytest.raises(grpc.RpcError) as error:
                tools.call(call[0], None, **call[1])
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            assert "does not answer" in str(error.value.details())
    finally:
        lonely.stop()
