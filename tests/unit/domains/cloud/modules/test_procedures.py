"""Each business process: carried out and checked, refused where it must be, undone when a step fails."""

import copy
from dataclasses import asdict
from typing import Any

import pytest

from aivis.events.actions import Origin, Purpose
from aivis.events.envelope import JsonObject
from aivis.events.escalations import EscalationReason
from aivis.events.plans import AgentName
from services.reasoner.brains.playbook.deciding import decide
from services.reasoner.brains.playbook.moves import Ask, Calls, GiveUp, Solved
from tests.unit.domains.cloud.modules.cloud import ADDRESS, ME, NEW_ADDRESS, VOLUME, Cloud
from tests.unit.domains.cloud.modules.variants import cloud_library
from tests.unit.services.reasoner.brains.playbook.play import Played, play, subtask

LIBRARY = cloud_library()
INSTANCE: JsonObject = {"instance_id": ME}


def operated(intent: str, inputs: JsonObject, cloud: Cloud) -> Played:
    return play(subtask(intent, AgentName.OPERATIONS, inputs=inputs), LIBRARY, cloud)


@pytest.mark.parametrize(
    ("intent", "inputs", "wrong", "tools"),
    [
        ("operate.restart", INSTANCE, {}, ["reboot_instance"]),
        ("operate.restart", INSTANCE, {"state": "stopped"}, ["start_instance"]),
        ("operate.start", INSTANCE, {"state": "stopped"}, ["start_instance"]),
        ("operate.start", INSTANCE, {}, []),
        ("operate.stop", INSTANCE, {}, ["stop_instance"]),
        (
            "operate.resize",
            {**INSTANCE, "instance_type": "t3.large"},
            {},
            ["stop_instance", "resize_instance", "start_instance"],
        ),
        ("operate.resize", {**INSTANCE, "instance_type": "t3.large"}, {"state": "stopped"}, ["resize_instance"]),
        ("operate.resize", {**INSTANCE, "instance_type": "t3.small"}, {}, []),
        ("operate.extend_volume", {"volume_id": VOLUME, "size_gib": 80}, {}, ["create_snapshot", "extend_volume"]),
        ("operate.extend_volume", {**INSTANCE, "size_gib": 80}, {}, ["create_snapshot", "extend_volume"]),
        ("operate.open_port", {**INSTANCE, "port": 8443, "source": "203.0.113.9"}, {}, ["authorize_ingress"]),
        ("operate.open_port", {**INSTANCE, "port": 8443, "source": "0.0.0.0/0"}, {}, ["authorize_ingress"]),
        ("operate.close_port", {**INSTANCE, "port": 443, "source": "0.0.0.0/0"}, {}, ["revoke_ingress"]),
        ("operate.release_address", {"public_ip": ADDRESS}, {"holders": {ADDRESS: None}}, ["release_address"]),
        ("operate.assign_address", INSTANCE, {"holders": {}}, ["allocate_address", "associate_address"]),
        (
            "operate.assign_address",
            {**INSTANCE, "public_ip": ADDRESS},
            {"holders": {ADDRESS: None}},
            ["associate_address"],
        ),
        ("operate.terminate", INSTANCE, {}, ["terminate_instance"]),
        ("operate.snapshot", {"volume_id": VOLUME}, {}, ["create_snapshot"]),
        ("operate.tag", {**INSTANCE, "tag_key": "owner", "tag_value": "a"}, {}, ["tag_resource"]),
    ],
)
def test_a_procedure_does_its_steps_in_order(
    intent: str, inputs: JsonObject, wrong: dict[str, Any], tools: list[str]
) -> None:
    story = operated(intent, inputs, Cloud(**wrong))
    assert isinstance(story.end.next, Solved), story.end
    done = [tool.removeprefix("cloud.") for tool in story.tools(Purpose.REMEDY) if "describe" not in tool]
    assert done == tools
    assert "(not known)" not in story.end.next.finding


@pytest.mark.parametrize(
    ("intent", "inputs"),
    [
        ("operate.release_address", {"public_ip": ADDRESS}),
        ("operate.extend_volume", {"volume_id": VOLUME, "size_gib": 10}),
        ("operate.resize", {**INSTANCE, "instance_type": "t9.none"}),
        ("operate.close_port", {**INSTANCE, "port": 22, "source": "0.0.0.0/0"}),
        ("operate.assign_address", {**INSTANCE, "public_ip": ADDRESS}),
        ("operate.unheard_of", INSTANCE),
    ],
)
def test_what_cannot_be_done_goes_to_a_person_and_changes_nothing(intent: str, inputs: JsonObject) -> None:
    cloud = Cloud(holders={ADDRESS: "i-0bbb2222"})
    before = copy.deepcopy(cloud.state)
    story = operated(intent, inputs, cloud)
    assert isinstance(story.end.next, GiveUp), story.end
    assert asdict(cloud.state) == asdict(before)


@pytest.mark.parametrize("broken", ["cloud.stop_instance", "cloud.resize_instance", "cloud.start_instance"])
def test_a_resize_that_fails_leaves_the_instance_as_it_was(broken: str) -> None:
    cloud = Cloud()
    cloud.failing = {broken: 1}
    story = operated("operate.resize", {**INSTANCE, "instance_type": "t3.large"}, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.REMEDY_FAILED
    assert (cloud.state.type, cloud.state.state) == ("t3.small", "running")
    undone = [each.undoes for each in story.observations if each.purpose is Purpose.UNDO]
    assert undone == sorted(undone, reverse=True), "last step first"


def test_a_step_that_policy_forbids_goes_to_a_person_and_what_was_done_before_is_undone() -> None:
    cloud = Cloud(holders={})
    cloud.forbidden = {"cloud.associate_address"}
    story = operated("operate.assign_address", INSTANCE, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.APPROVAL
    assert NEW_ADDRESS not in cloud.state.holders


def test_an_effect_that_a_fresh_look_does_not_confirm_is_undone() -> None:
    cloud = Cloud()
    cloud.inert = {"cloud.authorize_ingress"}
    story = operated("operate.open_port", {**INSTANCE, "port": 8443, "source": "203.0.113.9"}, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.tools(Purpose.UNDO) == ["cloud.authorize_ingress"]


def test_which_port_to_open_and_to_whom_is_asked_and_never_guessed() -> None:
    story = operated("operate.open_port", INSTANCE, Cloud())
    assert isinstance(story.end.next, Ask)
    assert story.end.next.missing == ("port", "source")
    assert story.observations == []


def test_arguments_tell_where_they_come_from() -> None:
    inputs = {**INSTANCE, "port": 8443, "source": "203.0.113.9"}
    task = subtask("operate.open_port", AgentName.OPERATIONS, inputs=inputs)
    story = play(task, LIBRARY, Cloud())
    move = decide(task, LIBRARY, story.observations[:1], origins={"port": Origin.EXPERT})
    assert isinstance(move.next, Calls)
    assert move.next.calls[0].origins == {
        "group_id": Origin.RESULT,
        "port": Origin.EXPERT,
        "source": Origin.TICKET,
    }
