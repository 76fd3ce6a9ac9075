"""The reachability analyser as tools."""

from ipaddress import IPv4Network

from aivis.toolkit import Call, ToolSet
from domains.cloud import reachability
from domains.cloud.account import Account
from domains.cloud.models.paths import AnalyzeEgress, AnalyzePath, Hop, Path
from domains.cloud.reachability import Verdict
from domains.cloud.survey import Surveyed, survey
from domains.cloud.tools.declaring import ANALYSES

tools = ToolSet[Account]()


@tools.tool(name="cloud.analyze_path", resource="instance_id", **ANALYSES)
def analyze_path(arguments: AnalyzePath, call: Call[Account]) -> Path:
    """Tell whether a TCP port of an instance is reachable from an address, and every hop with the rule that decides.

    Computed from the live configuration, both ways: nothing is sent. Use it for every "cannot connect", and again
    after a change to verify it. It does not see whether anything listens on the port.
    """
    seen = survey(call.system, arguments.instance_id)
    verdict = reachability.path(seen.network, seen.host, IPv4Network(arguments.source), arguments.port)
    return _path(seen, verdict, f"TCP port {arguments.port} of {arguments.instance_id} from {verdict.address}")


@tools.tool(name="cloud.analyze_egress", resource="instance_id", **ANALYSES)
def analyze_egress(arguments: AnalyzeEgress, call: Call[Account]) -> Path:
    """Tell whether an instance can open a TCP connection to an address, and every hop with the rule that decides.

    Computed from the live configuration, both ways: nothing is sent. Use it when an instance cannot reach a service,
    download updates, or answer.
    """
    seen = survey(call.system, arguments.instance_id)
    verdict = reachability.egress(seen.network, seen.host, IPv4Network(arguments.destination), arguments.port)
    return _path(seen, verdict, f"TCP port {arguments.port} at {verdict.address} from {arguments.instance_id}")


def _path(seen: Surveyed, verdict: Verdict, what: str) -> Path:
    host, network, decides = seen.host, seen.network, verdict.decides
    subnet = network.subnets.get(host.subnet_id or "") if network else None
    return Path(
        reachable=decides is None,
        decides=decides.code if decides else "",
        also_wrong=[hop.code for hop in verdict.wrong[1:]],
        explains=f"{what}: not reachable: {decides.explains}" if decides else f"{what}: reachable",
        decides_component=decides.component if decides else "",
        decides_id=decides.id if decides else "",
        decides_rule=decides.rule if decides else "",
        hops=[Hop.model_validate(hop, from_attributes=True) for hop in verdict.hops],
        instance_id=host.id,
        private_ip=str(host.address) if host.address else None,
        public_ip=host.public_address,
        vpc_id=network.id if network else None,
        subnet_id=host.subnet_id,
        acl_id=subnet.acl.id if subnet else None,
        route_table_id=subnet.table.id if subnet else None,
        gateway_id=network.gateway_id if network else None,
        security_group_ids=list(host.group_ids),
    )
