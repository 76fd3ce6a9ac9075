import os
from pathlib import Path

import pytest

from deploy.gotools import KUBECONFORM, KUSTOMIZE, GoTool
from deploy.servers.places import places
from deploy.servers.prerequisites import Missing
from tests.deploy.rendering import BASE, EXAMPLE, Manifests, render


def built(tool: GoTool) -> Path:
    try:
        return tool.find(places(os.environ))
    except Missing as missing:
        pytest.skip(f"{tool.name} is neither installed nor can it be built: {missing}")


@pytest.fixture(scope="session")
def kubeconform() -> Path:
    return built(KUBECONFORM)


@pytest.fixture(scope="session", params=[BASE, EXAMPLE], ids=["base", "example"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(built(KUSTOMIZE), request.param)


@pytest.fixture(scope="session")
def base() -> Manifests:
    return render(built(KUSTOMIZE), BASE)
