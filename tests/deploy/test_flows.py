"""Who may talk to whom: the policies, read back as a list of flows, against section 1 of the design."""

from collections.abc import Iterator

from aivis.topics import TOPICS
from tests.deploy.rendering import Manifests, Object

Flow = tuple[str, str, str | int]
"""From, to, port. In capitals what is not ours: a namespace's `aivis/provides`, or OUTSIDE."""

ON_THE_BUS = {name for topic in TOPICS for name in (*topic.producers, *topic.consumers)}

CALLS: set[Flow] = {
    ("planner", "retriever", "grpc"),
    ("executor", "retriever", "grpc"),
    ("executor", "cloud", "grpc"),
    ("retriever", "WEAVIATE", 8080),
    ("retriever", "WEAVIATE", 50051),
    ("gateway", "OUTSIDE", 443),  # ticket systems
    ("planner", "OUTSIDE", 443),  # the model
    ("reasoner", "OUTSIDE", 443),  # the model
    ("executor", "OUTSIDE", 443),  # MCP servers, HTTP APIs
    ("cloud", "OUTSIDE", 443),  # the cloud's API
}
ENTRANCES: set[Flow] = {("INGRESS", "gateway", "http"), ("INGRESS", "escalation", "http")}


def names(manifests: Manifests, selector: Object) -> set[str]:
    """The Deployments whose pods `selector` chooses."""
    wanted = selector.get("matchLabels", {})
    assert set(selector) <= {"matchLabels"}
    return {
        name
        for name, deployment in manifests.of("Deployment").items()
        if wanted.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    }


def ends(manifests: Manifests, peers: list[Object]) -> Iterator[str]:
    for peer in peers:
        if "ipBlock" in peer:
            assert peer["ipBlock"]["cidr"] == "0.0.0.0/0"
            assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= set(peer["ipBlock"]["except"])
            yield "OUTSIDE"
        elif "namespaceSelector" in peer:
            labels: dict[str, str] = peer["namespaceSelector"]["matchLabels"]
            yield (labels.get("aivis/provides") or labels["kubernetes.io/metadata.name"]).upper()
        else:
            yield from names(manifests, peer["podSelector"])


def flows(manifests: Manifests, direction: str) -> set[Flow]:
    """Every flow that the policies of one direction allow; a rule without peers or ports would allow all: refused."""
    key, peers_key = ("egress", "to") if direction == "egress" else ("ingress", "from")
    found: set[Flow] = set()
    for policy in manifests.of("NetworkPolicy").values():
        for ours in names(manifests, policy["spec"]["podSelector"]):
            for rule in policy["spec"].get(key, []):
                for other in ends(manifests, rule[peers_key]):
                    pair = (ours, other) if key == "egress" else (other, ours)
                    found |= {(*pair, port["port"]) for port in rule["ports"]}
    return found


def test_a_pod_may_call_exactly_what_the_design_says(manifests: Manifests) -> None:
    dns = {(name, "KUBE-SYSTEM", 53) for name in manifests.of("Deployment")}
    bus = {(name, "KAFKA", 9092) for name in ON_THE_BUS} | {(name, "POSTGRES", 5432) for name in ON_THE_BUS}
    assert flows(manifests, "egress") == CALLS | bus | dns


def test_a_pod_may_be_called_by_exactly_whom_the_design_says(manifests: Manifests) -> None:
    inside = {flow for flow in CALLS if flow[1] in manifests.of("Deployment")}
    metrics = {("MONITORING", name, "http") for name in ON_THE_BUS}
    assert flows(manifests, "ingress") == inside | ENTRANCES | metrics


def test_whatever_no_policy_names_is_refused(manifests: Manifests) -> None:
    nothing = manifests.of("NetworkPolicy")["nothing"]["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_reasoner_reaches_no_tool_and_no_knowledge(manifests: Manifests) -> None:
    reached = {to for ours, to, _ in flows(manifests, "egress") if ours == "reasoner"}
    assert reached == {"KAFKA", "POSTGRES", "OUTSIDE", "KUBE-SYSTEM"}
