"""Rendered manifests, and questions to them."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

K8S = Path(__file__).resolve().parents[2] / "deploy" / "k8s"
BASE = K8S / "base"
EXAMPLE = K8S / "overlays" / "example"

Object = dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    text: str

    @cached_property
    def objects(self) -> list[Object]:
        return [found for found in yaml.safe_load_all(self.text) if found]

    def of(self, kind: str) -> dict[str, Object]:
        """All objects of one kind by name."""
        return {one["metadata"]["name"]: one for one in self.objects if one["kind"] == kind}

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Every Deployment's name and pod spec."""
        for name, deployment in self.of("Deployment").items():
            yield name, deployment["spec"]["template"]["spec"]

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Every container, the ones that only prepare a pod among them."""
        for name, pod in self.pods():
            for container in [*pod["containers"], *pod.get("initContainers", [])]:
                yield name, container

    def environment(self, name: str) -> dict[str, str]:
        """The variables that the container of Deployment `name` starts with."""
        pod = self.of("Deployment")[name]["spec"]["template"]["spec"]
        [container] = pod["containers"]
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= self.of("ConfigMap")[source["configMapRef"]["name"]]["data"]
        return found | {entry["name"]: entry["value"] for entry in container.get("env", [])}


def render(kustomize: Path, folder: Path) -> Manifests:
    done = subprocess.run([kustomize, "build", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests(done.stdout)
