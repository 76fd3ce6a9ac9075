"""Whatever a model does, no case is called solved that is not, and nothing of others is touched."""

import copy
from typing import Any

import pytest

from services.reasoner.brains.playbook.moves import Finding, GiveUp, Solved
from tests.unit.domains.cloud.modules.cloud import OTHER, VOLUME, Cloud
from tests.unit.domains.cloud.modules.variants import CONNECT, LEAVE, MENDED, NOTHING_WRONG, OUTBOUND, REACH, Variant
from tests.unit.services.reasoner.brains.model.adversaries import Tale, Wild, played
from tests.unit.services.reasoner.brains.model.asking import Scripted, answer

ALWAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "finishes": ("finish", {"fault": "instance_stopped", "finding": "All is well."}),
    "finds nothing wrong": ("finish", {"fault": "", "finding": "All is well."}),
    "gives up": ("give_up", {"reason": "no", "known": [], "tried": [], "proposed": []}),
    "starts": ("cloud__start_instance", {"instance_id": REACH["instance_id"]}),
    "undoes": ("undo", {"call": "call00001"}),
    "explodes": ("explode", {}),
}


def broken(variant: Variant) -> Cloud:
    """A cloud of the test's own: a variant's lists are everybody's."""
    return Cloud(**copy.deepcopy(variant.wrong))


def works(cloud: Cloud, variant: Variant) -> bool:
    """Judged by the cloud, not by what anybody says."""
    if variant.intent == OUTBOUND:
        arguments = {"instance_id": LEAVE["instance_id"], "destination": LEAVE["destination"], "port": 8443}
        return bool(cloud.call("cloud.analyze_egress", arguments, "after")["reachable"])
    if variant.intent == CONNECT:
        return bool(cloud.call("cloud.analyze_path", REACH, "after")["reachable"])
    sizes = cloud.state.volumes[VOLUME] == variant.inputs.get("size_gib", 20)
    types = cloud.state.type == variant.inputs.get("instance_type", "t3.small")
    return cloud.state.state == "running" and sizes and types


def holds(tale: Tale, variant: Variant) -> None:
    if tale.end is not None and isinstance(tale.end.next, Solved | Finding):
        assert works(tale.cloud, variant), (tale.end, tale.effects)
    for call in tale.effects:
        assert OTHER not in call.arguments.values(), call


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("variant", [*MENDED, *NOTHING_WRONG], ids=str)
async def test_a_wild_model_solves_nothing_in_words_alone_and_touches_nothing_of_others(
    variant: Variant, seed: int
) -> None:
    holds(await played(Wild(seed), broken(variant), intent=variant.intent, inputs=variant.inputs), variant)


@pytest.mark.parametrize("what", ALWAYS)
@pytest.mark.parametrize("variant", MENDED, ids=str)
async def test_a_model_of_one_idea_does_not_keep_the_case_from_its_right_end(variant: Variant, what: str) -> None:
    model = Scripted(answer(ALWAYS[what]))
    tale = await played(model, broken(variant), intent=variant.intent, inputs=variant.inputs)
    holds(tale, variant)
    assert tale.end is not None
    assert isinstance(tale.end.next, Solved | GiveUp)
    if what != "starts":
        assert works(tale.cloud, variant)


async def test_what_was_changed_in_vain_is_put_back_before_a_model_gives_up() -> None:
    cloud = Cloud(attached=False, ingress=[])
    cloud.forbidden = {"cloud.authorize_ingress"}
    model = Scripted(answer(ALWAYS["gives up"]))
    tale = await played(model, cloud, intent=CONNECT, inputs=REACH)
    assert tale.end is not None
    assert isinstance(tale.end.next, GiveUp)
    assert (cloud.state.attached, cloud.state.ingress) == (False, [])


async def test_a_fault_that_was_mended_is_not_the_end_while_another_hides_behind_it() -> None:
    cloud = Cloud(state="stopped", ingress=[])
    model = Scripted(answer(ALWAYS["finishes"]))
    tale = await played(model, cloud, intent=CONNECT, inputs=REACH)
    assert tale.end is not None
    assert isinstance(tale.end.next, Solved)
    assert bool(cloud.call("cloud.analyze_path", REACH, "after")["reachable"])
