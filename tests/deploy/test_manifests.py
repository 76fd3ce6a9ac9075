import importlib.util
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from aivis.topics import TOPICS
from tests.deploy.rendering import Manifests

SERVICES = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")
TOOL_SERVERS = ("cloud",)
EVERYTHING = {*SERVICES, *TOOL_SERVERS}
KUBERNETES = "1.37.0"


def own_schemas(folder: Path, kinds: set[str]) -> None:
    """Kubernetes' schemas of `kinds`, out of a wheel, so that kubeconform asks no network for them or their dialect."""
    shipped = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}-local-strict"
    wanted = [entry for entry in shipped.iterdir() if entry.name.split("-")[0].removesuffix(".json") in kinds]
    for schema in [*wanted, shipped / "_definitions.json"]:
        text = schema.read_text(encoding="utf-8")
        text = text.replace("/api/_definitions.json", "_definitions.json")
        text = text.replace('"$schema": "https://json-schema.org/draft/2020-12/schema"', '"$comment": ""')
        (folder / schema.name).write_text(text, encoding="utf-8")


def conform(kubeconform: Path, manifests: Manifests, folder: Path) -> "subprocess.CompletedProcess[str]":
    own_schemas(folder, {one["kind"].lower() for one in manifests.objects})
    where = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    check = [str(kubeconform), "-strict", "-summary", "-schema-location", where]
    return subprocess.run(check, input=manifests.text, capture_output=True, text=True, check=False)


def test_every_manifest_is_valid_kubernetes(manifests: Manifests, kubeconform: Path, tmp_path: Path) -> None:
    done = conform(kubeconform, manifests, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Valid: {len(manifests.objects)}, Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


def test_a_misspelt_field_is_not_valid_kubernetes(base: Manifests, kubeconform: Path, tmp_path: Path) -> None:
    misspelt = Manifests(base.text.replace("runAsNonRoot", "runAsNonRoute"))
    assert "'runAsNonRoute' not allowed" in conform(kubeconform, misspelt, tmp_path).stdout


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"])
def test_every_service_has_one_of_each_object(manifests: Manifests, kind: str) -> None:
    assert set(manifests.of(kind)) >= EVERYTHING


def test_every_deployment_is_one_that_is_known(manifests: Manifests) -> None:
    assert set(manifests.of("Deployment")) == EVERYTHING


def test_every_service_of_the_topic_table_is_deployed() -> None:
    named = {name for topic in TOPICS for name in (*topic.producers, *topic.consumers)}
    assert named <= set(SERVICES)


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_the_program_that_a_pod_runs_is_there(base: Manifests, name: str) -> None:
    pod = base.of("Deployment")[name]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["command"][:2] == ["python", "-m"]
    assert importlib.util.find_spec(f"{container['command'][2]}.__main__") is not None


def test_every_pod_runs_as_its_own_account_and_without_a_token(manifests: Manifests) -> None:
    for name, pod in manifests.pods():
        assert pod["serviceAccountName"] == name
        assert pod["automountServiceAccountToken"] is False


def test_no_variable_of_a_kubernetes_service_reaches_a_pod_where_it_would_look_like_a_setting(
    manifests: Manifests,
) -> None:
    assert all(pod["enableServiceLinks"] is False for _, pod in manifests.pods())


def test_no_pod_runs_as_root_or_with_rights(manifests: Manifests) -> None:
    for name, pod in manifests.pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] >= 10_000, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, container in manifests.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_the_namespace_refuses_pods_with_more_rights(manifests: Manifests) -> None:
    [namespace] = manifests.of("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_image_has_a_version(manifests: Manifests) -> None:
    images = {container["image"] for _, container in manifests.containers()}
    assert len(images) == 1
    [image] = images
    assert image.rpartition(":")[2] not in {"", "latest", image}


def test_every_container_says_what_it_needs_and_at_most_takes(manifests: Manifests) -> None:
    for name, container in manifests.containers():
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name


def test_a_service_is_asked_for_its_health_and_readiness_by_http(manifests: Manifests) -> None:
    found = {name: container for name, container in manifests.containers() if name in SERVICES}
    for name, container in found.items():
        assert {"name": "http", "containerPort": 8080} in container["ports"], name
        assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}, name
        assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}, name


def test_a_tool_server_is_asked_for_its_health_by_grpc(manifests: Manifests) -> None:
    for name, container in manifests.containers():
        if name in TOOL_SERVERS:
            assert container["livenessProbe"]["grpc"] == container["readinessProbe"]["grpc"] == {"port": 9090}


def test_prometheus_finds_every_services_metrics(manifests: Manifests) -> None:
    for name in SERVICES:
        annotations = manifests.of("Deployment")[name]["spec"]["template"]["metadata"]["annotations"]
        assert annotations == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "prometheus.io/path": "/metrics",
        }


def test_a_kubernetes_service_leads_to_ports_that_its_pods_have(manifests: Manifests) -> None:
    containers = dict(manifests.containers())
    for name, service in manifests.of("Service").items():
        assert service["spec"]["selector"] == {"app.kubernetes.io/name": name}
        offered = {port["name"]: port["containerPort"] for port in containers[name]["ports"]}
        for port in service["spec"]["ports"]:
            assert offered[port["targetPort"]] == port["port"]


def test_a_pod_mounts_its_own_secret_and_no_other(manifests: Manifests) -> None:
    for name, pod in manifests.pods():
        mounted = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert mounted == [f"aivis-{name}"]


def test_no_secret_is_written_down(manifests: Manifests) -> None:
    assert not manifests.of("Secret")
    for name in EVERYTHING:
        for variable in manifests.environment(name):
            assert not variable.endswith(("_KEY", "_SECRET", "_PASSWORD", "_DATABASE", "_TOKEN")), variable


def test_a_changed_setting_gets_a_new_name_so_that_pods_are_replaced(manifests: Manifests) -> None:
    [name] = manifests.of("ConfigMap")
    assert name.startswith("aivis-settings-")


def test_what_keeps_a_journal_on_a_disk_runs_once(manifests: Manifests) -> None:
    for deployment in manifests.of("Deployment").values():
        claims = [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in deployment["spec"]["template"]["spec"]["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        modes = {
            mode for claim in claims for mode in manifests.of("PersistentVolumeClaim")[claim]["spec"]["accessModes"]
        }
        if "ReadWriteOnce" in modes:
            assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (1, {"type": "Recreate"})
