"""Every fault alone, several at once, none at all: found, mended, checked, and left as it should be."""

import copy
from dataclasses import asdict

import pytest

from aivis.events.actions import Purpose
from aivis.events.escalations import EscalationReason
from services.reasoner.brains.playbook.costs import best_order, cost_of, expected_cost, fixed_order, trials_of
from services.reasoner.brains.playbook.moves import Ask, Finding, GiveUp, Solved
from tests.unit.domains.cloud.modules.cloud import ADDRESS, ME, TABLE, VOLUME, Cloud
from tests.unit.domains.cloud.modules.variants import (
    CONNECT,
    EXPLAINED,
    FRONT,
    LEAVE,
    MENDED,
    NOTHING_WRONG,
    OUTBOUND,
    REACH,
    Variant,
    cloud_library,
)
from tests.unit.services.reasoner.brains.playbook.play import Played, play, subtask

LIBRARY = cloud_library()
COST = {"cloud.analyze_path": 2.0, "cloud.analyze_egress": 2.0}


def played(variant: Variant, cloud: Cloud) -> Played:
    return play(subtask(variant.intent, inputs=variant.inputs), LIBRARY, cloud)


@pytest.mark.parametrize("variant", MENDED, ids=str)
def test_a_fault_alone_is_mended_and_the_mending_is_seen(variant: Variant) -> None:
    cloud = variant.cloud()
    story = played(variant, cloud)
    assert isinstance(story.end.next, Solved), story.end
    assert story.end.next.module == variant.fault
    assert "(not known)" not in story.end.next.finding
    assert story.tools(Purpose.UNDO) == []
    assert story.observations[-1].purpose is Purpose.VERIFY or variant.intent != CONNECT
    assert _works(cloud, variant)


def _works(cloud: Cloud, variant: Variant) -> bool:
    """Judged by the cloud's state, not by what the agent says."""
    if variant.intent == OUTBOUND:
        arguments = {"instance_id": ME, "destination": LEAVE["destination"], "port": LEAVE["destination_port"]}
        return bool(cloud.call("cloud.analyze_egress", arguments, "after")["reachable"])
    if variant.intent == CONNECT:
        return bool(cloud.call("cloud.analyze_path", REACH, "after")["reachable"])
    return (
        cloud.state.state == "running"
        and cloud.state.volumes[VOLUME] == variant.inputs.get("size_gib", 20)
        and cloud.state.type == variant.inputs.get("instance_type", "t3.small")
    )


@pytest.mark.parametrize("variant", EXPLAINED, ids=str)
def test_what_the_agent_does_not_mend_is_explained_and_nothing_is_changed(variant: Variant) -> None:
    cloud = variant.cloud()
    before = copy.deepcopy(cloud.state)
    story = played(variant, cloud)
    assert isinstance(story.end.next, Finding), story.end
    assert story.end.next.module == variant.fault
    assert "(not known)" not in story.end.next.finding
    assert asdict(cloud.state) == asdict(before)


@pytest.mark.parametrize("variant", NOTHING_WRONG, ids=str)
def test_when_nothing_is_wrong_the_answer_says_so_with_what_was_checked(variant: Variant) -> None:
    cloud = variant.cloud()
    before = copy.deepcopy(cloud.state)
    story = played(variant, cloud)
    assert isinstance(story.end.next, Finding), story.end
    assert story.end.next.module == ""
    assert story.end.next.checked
    assert asdict(cloud.state) == asdict(before)


def test_a_quota_that_is_reached_goes_to_a_person_with_the_figures() -> None:
    end = play(subtask("diagnose.quota"), LIBRARY, Cloud(addresses_limit=1)).end.next
    assert isinstance(end, GiveUp)
    assert end.why is EscalationReason.RESERVED
    assert end.module == "quota_reached"
    assert "1 of 1" in end.proposed[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "stopped", "ingress": []},
        {"ingress": [], "entries": FRONT},
        {"attached": False, "ingress": []},
        {"state": "stopped", "ingress": [], "tables": {TABLE: None}},
        {"holders": {}, "ingress": [], "entries": FRONT},
    ],
    ids="+".join,
)
def test_faults_that_hide_behind_each_other_are_mended_one_after_the_other(wrong: dict[str, object]) -> None:
    cloud = Cloud(**wrong)
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, Solved), story.end
    assert cloud.call("cloud.analyze_path", REACH, "after")["reachable"]
    assert story.tools(Purpose.UNDO) == []
    assert story.repeated == []


def test_a_remedy_that_does_not_help_is_undone_and_a_person_hears_of_it() -> None:
    cloud = Cloud(ingress=[])
    cloud.inert = {"cloud.authorize_ingress"}
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.REMEDY_FAILED
    assert story.tools(Purpose.UNDO) == ["cloud.authorize_ingress"]
    assert "did not help, and was undone" in story.end.next.tried[0]


def test_what_was_mended_is_put_back_when_the_symptom_stays_and_a_person_takes_over() -> None:
    cloud = Cloud(attached=False, ingress=[])
    cloud.forbidden = {"cloud.authorize_ingress"}
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.APPROVAL
    assert (cloud.state.attached, cloud.state.ingress) == (False, [])


def test_a_stopped_instance_stays_started_even_when_something_else_is_beyond_the_agent() -> None:
    cloud = Cloud(state="stopped", ingress=[])
    cloud.forbidden = {"cloud.authorize_ingress"}
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert cloud.state.state == "running"


def test_a_remedy_that_policy_forbids_is_not_repeated_and_goes_to_a_person() -> None:
    cloud = Cloud(ingress=[])
    cloud.forbidden = {"cloud.authorize_ingress"}
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.APPROVAL
    assert story.end.next.module == "security_group_lacks_port"
    assert story.tools(Purpose.REMEDY) == ["cloud.authorize_ingress"]
    assert any("cloud.authorize_ingress" in line for line in story.end.next.proposed)


def test_the_wrong_port_is_never_opened() -> None:
    story = play(subtask(CONNECT, inputs={**REACH, "port": 8080}), LIBRARY, Cloud())
    assert story.tools(Purpose.REMEDY) == []


def test_an_address_is_moved_only_from_a_holder_and_only_when_the_customer_names_it() -> None:
    cloud = Cloud(holders={ADDRESS: "i-0bbb2222"})
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert cloud.state.holders[ADDRESS] == "i-0bbb2222"
    assert isinstance(story.end.next, Solved), "a new address serves as well"


def test_a_check_that_fails_once_is_made_again_and_one_that_keeps_failing_is_given_up() -> None:
    once, always = Cloud(ingress=[]), Cloud(ingress=[])
    once.failing = {"cloud.describe_security_groups": 1}
    always.failing = {"cloud.describe_security_groups": 99}
    assert isinstance(play(subtask(CONNECT, inputs=REACH), LIBRARY, once).end.next, Solved)
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, always)
    assert isinstance(story.end.next, GiveUp)
    assert story.tools().count("cloud.describe_security_groups") == 2
    assert any("cloud.describe_security_groups failed" in line for line in story.end.next.known)


def test_nothing_is_changed_when_the_look_that_would_verify_it_keeps_failing() -> None:
    cloud = Cloud(ingress=[])
    cloud.failing = {"cloud.analyze_path": 99}
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.tools(Purpose.REMEDY) == []
    assert story.end.next.module == "security_group_lacks_port"


def test_what_is_wrong_inside_the_instance_is_not_called_healthy() -> None:
    story = play(subtask(CONNECT, inputs=REACH), LIBRARY, Cloud(broken_inside=True))
    assert isinstance(story.end.next, GiveUp)
    assert story.end.next.why is EscalationReason.NO_FAULT_FOUND


@pytest.mark.parametrize(
    ("intent", "symptom"), [(OUTBOUND, "names_unresolved"), ("diagnose.disk_full", "data_missing")]
)
def test_a_symptom_that_no_module_explains_goes_to_a_person(intent: str, symptom: str) -> None:
    cloud = Cloud()
    story = play(subtask(intent, inputs={"instance_id": ME}, symptoms=[symptom]), LIBRARY, cloud)
    assert isinstance(story.end.next, GiveUp)
    assert story.tools(Purpose.REMEDY) == []


def test_what_the_ticket_does_not_say_is_looked_up_before_anybody_is_asked() -> None:
    story = play(subtask(CONNECT, inputs={"public_ip": ADDRESS}), LIBRARY, Cloud(broken_inside=False))
    assert isinstance(story.end.next, Finding)
    assert story.tools()[:3] == ["cloud.find_instances", "cloud.check_listening_port", "cloud.describe_security_groups"]


def test_what_only_the_customer_knows_is_asked_in_their_words() -> None:
    end = play(subtask(CONNECT, inputs={"instance_id": ME, "port": 443}), LIBRARY, Cloud(ingress=[])).end.next
    assert isinstance(end, Ask)
    assert end.missing == ("source",)
    assert "From which public IP address" in end.questions[0]


def test_faults_are_found_at_less_cost_than_by_a_checklist_and_near_the_best_there_is() -> None:
    variants = [each for each in (*MENDED, *EXPLAINED) if each.intent == CONNECT and "public_ip" not in each.inputs]
    faults = [LIBRARY.modules[each.fault] for each in variants]
    suspects = [fault for fault in LIBRARY.faults if CONNECT in fault.serves and fault in faults]
    trials = trials_of(suspects)
    priors = {fault.name: fault.prior for fault in suspects}
    best = best_order(trials, priors)
    spent = {each.fault: _spent(each) for each in variants}
    share = sum(priors.values())
    mean = sum(priors[name] * cost for name, cost in spent.items()) / share
    assert mean < 0.8 * expected_cost(fixed_order(trials), priors)
    assert mean < 1.4 * expected_cost(best, priors)
    dearer = [name for name, cost in spent.items() if cost > cost_of(name, fixed_order(trials))]
    assert len(dearer) <= 2, "only what a checklist happens to begin with is found there at less cost"


def _spent(variant: Variant) -> float:
    story = played(variant, variant.cloud())
    return sum(COST.get(tool, 1.0) for tool in story.tools(Purpose.CHECK))
