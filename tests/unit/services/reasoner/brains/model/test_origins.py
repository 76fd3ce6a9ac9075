"""Where values that a model wrote come from."""

from typing import Any

import pytest

from aivis.events.actions import Origin
from aivis.events.envelope import JsonObject
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.model.origins import origins
from services.reasoner.brains.playbook.moves import Observation
from tests.unit.services.reasoner.brains.model.asking import MINE, OTHER, looks, problem, seen

GROUPS: JsonObject = {"groups": [{"group_id": "sg-0aaaaaaaa", "port": 443, "open": True, "note": f"like {OTHER}"}]}


def origin(value: Any, *observations: Observation, name: str = "x", **changes: Any) -> Origin:
    about: Problem = problem(*observations, **changes)
    return origins({name: value}, about)[name]


def test_a_value_of_the_tickets_inputs_is_the_tickets() -> None:
    assert origin(MINE) is Origin.TICKET
    assert origin(443, inputs={"port": 443}) is Origin.TICKET


def test_an_input_that_an_expert_gave_is_the_experts() -> None:
    assert origin(MINE, origins={"instance_id": Origin.EXPERT}) is Origin.EXPERT


def test_a_value_that_a_look_at_the_tickets_things_showed_is_a_results() -> None:
    assert origin("sg-0aaaaaaaa", looks(GROUPS)) is Origin.RESULT


def test_a_value_that_stands_nowhere_is_text() -> None:
    assert origin("sg-0cccccccc", looks(GROUPS)) is Origin.TEXT
    assert origin(OTHER) is Origin.TEXT


def test_a_part_of_a_text_binds_nothing() -> None:
    assert origin(OTHER, looks(GROUPS)) is Origin.TEXT
    assert origin(MINE[:-1]) is Origin.TEXT


@pytest.mark.parametrize(
    "listing",
    [
        seen("cloud.find_instances", {"instances": [{"instance_id": OTHER}]}, arguments={}),
        seen(
            "cloud.find_instances",
            {"instances": [{"instance_id": OTHER}]},
            arguments={"name": "production"},
            origins={"name": Origin.TEXT},
        ),
        seen("cloud.describe_instance", {"instance_id": OTHER}, origins={}),
    ],
    ids=["everything", "what-the-model-asked-for", "of-unknown-origin"],
)
def test_what_a_look_of_the_models_own_showed_is_the_models_own(listing: Observation) -> None:
    assert origin(OTHER, listing) is Origin.TEXT


def test_what_followed_from_the_ticket_over_several_looks_is_a_results() -> None:
    subnet = looks({"subnet_id": "subnet-0aaaaaaaa"})
    table = seen(
        "cloud.describe_subnet",
        {"route_table_id": "rtb-0aaaaaaaa"},
        arguments={"subnet_id": "subnet-0aaaaaaaa"},
        origins={"subnet_id": Origin.RESULT},
    )
    assert origin("rtb-0aaaaaaaa", subnet, table) is Origin.RESULT


def test_a_number_or_a_truth_value_of_a_result_counts_under_its_own_name_only() -> None:
    assert origin(443, looks(GROUPS), name="port") is Origin.RESULT
    assert origin(443, looks(GROUPS), name="size_gib") is Origin.TEXT
    assert origin(True, looks(GROUPS), name="open") is Origin.RESULT
    assert origin(True, looks(GROUPS), name="take_over") is Origin.TEXT


def test_true_is_not_one() -> None:
    assert origin(True, inputs={"port": 1}) is Origin.TEXT
    assert origin(1, looks({"x": True})) is Origin.TEXT


def test_a_list_or_an_object_is_as_good_as_the_worst_in_it() -> None:
    assert origin([MINE, MINE]) is Origin.TICKET
    assert origin([MINE, OTHER]) is Origin.TEXT
    assert origin({"a": MINE, "b": "sg-0aaaaaaaa"}, looks(GROUPS)) is Origin.TICKET
    assert origin(["sg-0aaaaaaaa"], looks(GROUPS)) is Origin.RESULT


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_nothing_is_the_models_own(nothing: Any) -> None:
    assert origin(nothing, looks({"x": nothing}), inputs={"x": nothing}) is Origin.TEXT


def test_a_failed_look_shows_nothing() -> None:
    assert origin("sg-0aaaaaaaa", seen("cloud.describe_instance", None, failure="sg-0aaaaaaaa")) is Origin.TEXT
