import pytest

from aivis.errors import Invalid
from aivis.events.actions import Autonomy
from services.executor.settings import ExecutorSettings


@pytest.mark.parametrize("text", ["a:1, b:2", '["a:1", "b:2"]'])
def test_tool_servers_are_a_list_in_either_form(text: str) -> None:
    assert ExecutorSettings.load({"AIVIS_EXECUTOR_TOOL_SERVERS": text}).tool_servers == ("a:1", "b:2")


def test_without_settings_there_are_no_servers_and_two_thousand_in_flight() -> None:
    settings = ExecutorSettings.load({})
    assert (settings.tool_servers, settings.retriever, settings.in_flight) == ((), "", 2_000)
    assert settings.autonomy is Autonomy.AUTOPILOT


def test_the_token_is_not_shown() -> None:
    assert "secret-value" not in repr(ExecutorSettings.load({"AIVIS_EXECUTOR_TOKEN": "secret-value"}))


def test_an_unknown_autonomy_names_the_variable() -> None:
    with pytest.raises(Invalid, match="AIVIS_EXECUTOR_AUTONOMY"):
        ExecutorSettings.load({"AIVIS_EXECUTOR_AUTONOMY": "reckless"})
