"""An effect happens once, also when the server is killed at the worst moment; and what is not known is not guessed."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.integration.domains.cloud.conftest import Site, Tools, ToolServer, tool_server
from tests.integration.domains.cloud.hold import Holding, holding

ADMIN = "198.51.100.7/32"


@pytest.fixture
def proxy(endpoint: str) -> Iterator[Holding]:
    with holding(endpoint) as started:
        yield started


@pytest.fixture
def own(proxy: Holding, keys: dict[str, dict[str, str]], tmp_path: Path) -> Iterator[ToolServer]:
    """A tool server of the test's own, behind the proxy, to be killed."""
    started = tool_server(proxy.endpoint, keys, tmp_path)
    started.start()
    try:
        yield started
    finally:
        started.stop()


def caller(own: ToolServer, tenant: str) -> Tools:
    return Tools(own.channel(), tenant)


@dataclass(frozen=True)
class Lost:
    """A call whose effect happens while its answer is lost: the API operation that carries it out."""

    tool: str
    operation: str
    arguments: dict[str, Any]
    result: str = ""


def killed_after(lost: Lost, own: ToolServer, proxy: Holding, tenant: str) -> Tools:
    """Make the call; kill the server when the cloud has acted and before the server hears of it; start it again."""
    proxy.holds = lost.operation
    tools = caller(own, tenant)
    errors: list[grpc.RpcError] = []

    def run() -> None:
        try:
            tools.call(lost.tool, "key-1", **lost.arguments)
        except grpc.RpcError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert proxy.acted.wait(15), "the effect was never asked for"
    own.kill()
    thread.join(15)
    assert errors, "the call was answered before the kill"
    proxy.holds = ""
    proxy.release.set()
    own.start()
    return caller(own, tenant)


def rules(site: Site) -> list[Any]:
    return list(site.ec2.describe_security_groups(GroupIds=[site.group])["SecurityGroups"][0]["IpPermissions"])


def code(error: pytest.ExceptionInfo[grpc.RpcError]) -> grpc.StatusCode:
    found: grpc.StatusCode = error.value.code()
    return found


def test_the_same_key_acts_once_also_after_the_server_was_killed(site: Site, own: ToolServer, tenant: str) -> None:
    arguments = {"group_id": site.group, "port": 22, "source": ADMIN}
    first = caller(own, tenant).call("cloud.authorize_ingress", "key-1", **arguments)
    assert len(rules(site)) == 2
    site.ec2.revoke_security_group_ingress(GroupId=site.group, IpPermissions=rules(site)[1:])
    own.kill()
    own.start()
    again = caller(own, tenant)
    assert again.call("cloud.authorize_ingress", "key-1", **arguments) == first
    assert len(rules(site)) == 1, "the recorded result is given, and nothing is done again"
    with pytest.raises(grpc.RpcError) as error:
        again.call("cloud.authorize_ingress", "key-1", **{**arguments, "port": 23})
    assert code(error) is grpc.StatusCode.ALREADY_EXISTS
    assert again.lookup("cloud.authorize_ingress", "key-1", **arguments) == ("HAPPENED", first)


def test_killed_between_effect_and_record_a_repeat_converges_and_still_knows_what_was_before(
    site: Site, own: ToolServer, proxy: Holding, tenant: str
) -> None:
    arguments = {
        "acl_id": site.acl, "rule_number": 100, "egress": False, "action": "deny", "cidr": "203.0.113.0/24",
        "protocol": "tcp", "from_port": 443, "to_port": 443,
    }  # fmt: skip
    before = site.configuration()
    lost = Lost("cloud.replace_acl_entry", "ReplaceNetworkAclEntry", arguments)
    tools = killed_after(lost, own, proxy, tenant)
    assert tools.lookup("cloud.replace_acl_entry", "key-1", **arguments) == ("UNKNOWN", None)
    result = tools.call("cloud.replace_acl_entry", "key-1", **arguments)
    assert result["changed"]
    assert (result["previous"]["action"], result["previous"]["cidr"]) == ("allow", "0.0.0.0/0")
    assert proxy.operations.count("ReplaceNetworkAclEntry") == 1
    tools.undo("cloud.replace_acl_entry", arguments, result)
    assert site.configuration() == before


def allocation(site: Site) -> Lost:
    return Lost("cloud.allocate_address", "AllocateAddress", {"instance_id": site.instance}, "public_ip")


def snapshot(site: Site) -> Lost:
    volume = site.ec2.describe_volumes()["Volumes"][0]["VolumeId"]
    return Lost("cloud.create_snapshot", "CreateSnapshot", {"volume_id": volume}, "snapshot_id")


def gateway(site: Site) -> Lost:
    site.ec2.detach_internet_gateway(InternetGatewayId=site.gateway, VpcId=site.vpc)
    return Lost("cloud.create_internet_gateway", "CreateInternetGateway", {"vpc_id": site.vpc}, "gateway_id")


@pytest.mark.parametrize("prepare", [allocation, snapshot, gateway])
def test_killed_between_effect_and_record_a_creation_is_looked_up_by_its_tag(
    site: Site, own: ToolServer, proxy: Holding, tenant: str, prepare: Callable[[Site], Lost]
) -> None:
    lost = prepare(site)
    tools = killed_after(lost, own, proxy, tenant)
    with pytest.raises(grpc.RpcError) as error:
        tools.call(lost.tool, "key-1", **lost.arguments)
    assert code(error) is grpc.StatusCode.UNKNOWN
    outcome, result = tools.lookup(lost.tool, "key-1", **lost.arguments)
    assert outcome == "HAPPENED"
    assert result is not None
    assert result[lost.result]
    assert tools.lookup(lost.tool, "key-2", **lost.arguments) == ("DID_NOT_HAPPEN", None)
    assert proxy.operations.count(lost.operation) == 1


def test_a_reboot_whose_answer_was_lost_is_not_repeated(
    site: Site, own: ToolServer, proxy: Holding, tenant: str
) -> None:
    arguments = {"instance_id": site.instance}
    tools = killed_after(Lost("cloud.reboot_instance", "RebootInstances", arguments), own, proxy, tenant)
    assert tools.lookup("cloud.reboot_instance", "key-1", **arguments)[0] == "UNKNOWN"
    with pytest.raises(grpc.RpcError) as error:
        tools.call("cloud.reboot_instance", "key-1", **arguments)
    assert code(error) is grpc.StatusCode.UNKNOWN
    assert proxy.operations.count("RebootInstances") == 1


def test_a_released_address_is_released_once_and_its_answer_found_again(
    site: Site, own: ToolServer, proxy: Holding, tenant: str
) -> None:
    address = site.add_address()["public_ip"]
    lost = Lost("cloud.release_address", "ReleaseAddress", {"public_ip": address})
    result = killed_after(lost, own, proxy, tenant).call("cloud.release_address", "key-1", public_ip=address)
    assert result["public_ip"] == address
    assert proxy.operations.count("ReleaseAddress") == 1


def test_an_effect_whose_answer_is_cut_off_is_unknown_and_a_read_merely_unavailable(
    site: Site, own: ToolServer, proxy: Holding, tenant: str
) -> None:
    tools = caller(own, tenant)
    arguments = {"group_id": site.group, "port": 22, "source": ADMIN}
    proxy.cuts = "AuthorizeSecurityGroupIngress"
    with pytest.raises(grpc.RpcError) as error:
        tools.call("cloud.authorize_ingress", "key-1", **arguments)
    assert code(error) is grpc.StatusCode.UNKNOWN
    assert len(rules(site)) == 2, "it had happened"
    assert tools.call("cloud.authorize_ingress", "key-1", **arguments)["changed"]
    proxy.cuts = "DescribeInstances"
    with pytest.raises(grpc.RpcError) as error:
        tools.call("cloud.describe_instance", instance_id=site.instance)
    assert code(error) is grpc.StatusCode.UNAVAILABLE
    assert "no answer" in str(error.value.details())


def test_a_deadline_is_kept_and_the_effect_under_way_is_recorded_when_the_server_is_told_to_stop(
    site: Site, own: ToolServer, proxy: Holding, tenant: str
) -> None:
    tools = caller(own, tenant)
    tools.seconds = 1.0
    arguments = {"group_id": site.group, "port": 22, "source": ADMIN}
    proxy.holds = "AuthorizeSecurityGroupIngress"
    with pytest.raises(grpc.RpcError) as error:
        tools.call("cloud.authorize_ingress", "key-1", **arguments)
    assert code(error) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert proxy.acted.is_set()
    assert own.process is not None
    own.hang_up()
    own.process.terminate()
    threading.Timer(0.3, proxy.release.set).start()
    assert own.process.wait(20) == 0
    own.start()
    assert caller(own, tenant).lookup("cloud.authorize_ingress", "key-1", **arguments)[0] == "HAPPENED"
    assert proxy.operations.count("AuthorizeSecurityGroupIngress") == 1
