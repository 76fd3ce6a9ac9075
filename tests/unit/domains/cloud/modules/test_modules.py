"""The cloud's modules are sound, and speak of tools, inputs, symptoms and intents that are there."""

from typing import Any

import pytest
import yaml

from aivis.modules.catalogue import declared
from aivis.modules.linter import lint
from aivis.modules.schema import AnyModule, Fault
from domains.cloud.server import all_tools
from tests.unit.domains.cloud.modules.variants import EXPLAINED, FOLDER, MENDED, cloud_library

WORDS: dict[str, Any] = yaml.safe_load((FOLDER.parent / "symptoms.yaml").read_text(encoding="utf-8"))
MODULES = list(cloud_library().modules.values())


def names(kind: str) -> set[str]:
    return {each["name"] for each in WORDS[kind]}


def test_the_modules_lint_against_the_declared_tools() -> None:
    assert lint(FOLDER, {tool.name: declared(tool) for tool in all_tools()}) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_serves_intents_and_explains_symptoms_that_the_planner_knows(module: AnyModule) -> None:
    assert set(module.serves) <= names("intents")
    assert set(module.explains) <= names("symptoms")
    assert module.examples, "has examples"


def test_every_intent_of_an_agent_that_acts_has_a_module() -> None:
    served = {intent for module in MODULES for intent in module.serves}
    wanted = {each["name"] for each in WORDS["intents"] if each["agent"] in {"diagnostic", "operations"}}
    assert served == wanted


def test_the_inputs_that_modules_ask_for_are_those_the_planner_reads() -> None:
    assert set(cloud_library().inputs) == names("inputs")


def test_every_fault_but_the_quota_is_broken_on_purpose_somewhere_in_these_tests() -> None:
    faults = {module.name for module in MODULES if isinstance(module, Fault)}
    assert faults == {each.fault for each in (*MENDED, *EXPLAINED)} | {"quota_reached"}
