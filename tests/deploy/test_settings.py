"""Every variable that a manifest sets is one that the service knows, with a value it takes."""

import importlib

import pytest

from aivis.errors import Invalid
from aivis.settings import Settings
from tests.deploy.rendering import Manifests

MODULES = {
    **{
        name: f"services.{name}.settings"
        for name in ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")
    },
    "cloud": "domains.cloud.settings",
}


def settings_class(name: str) -> type[Settings]:
    module = importlib.import_module(MODULES[name])
    [found] = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Settings) and one.__module__ == module.__name__
    ]
    return found


def with_secrets(environment: dict[str, str]) -> dict[str, str]:
    """The same with what the mounted files would hold."""
    held = {"AIVIS_DATABASE_FILE": "postgresql://from-a-file/aivis", "AIVIS_REASONER_MODEL_KEY_FILE": "a key"}
    return {
        name.removesuffix("_FILE"): held.get(name, "[]") if name.endswith("_FILE") else value
        for name, value in environment.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_a_service_starts_with_the_settings_of_its_manifest(manifests: Manifests, name: str) -> None:
    settings = settings_class(name).load(with_secrets(manifests.environment(name)))
    assert settings.host == "0.0.0.0"


@pytest.mark.parametrize("name", MODULES)
def test_a_misspelt_setting_would_be_refused(base: Manifests, name: str) -> None:
    with pytest.raises(Invalid, match="AIVIS_KAFKAA is no setting"):
        settings_class(name).load(with_secrets(base.environment(name)) | {"AIVIS_KAFKAA": "x"})
