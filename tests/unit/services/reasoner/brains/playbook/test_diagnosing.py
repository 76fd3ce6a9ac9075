import pytest

from aivis.errors import Invalid
from aivis.events.actions import Origin, Purpose
from aivis.events.escalations import EscalationReason
from aivis.events.plans import AgentName
from services.reasoner.brains.playbook.deciding import decide
from services.reasoner.brains.playbook.moves import Ask, Calls, Finding, GiveUp, Observation, Solved
from tests.unit.services.reasoner.brains.playbook.play import Played, play, subtask
from tests.unit.services.reasoner.brains.playbook.workshop import Machine, fault, library

LIBRARY = library()
REPAIR = """  - tool: shop.repair
    with: {machine: ticket.machine}
    risk: reversible
    succeeds: 0.9
    verify: {tool: shop.run, with: {machine: ticket.machine}, expect: result.runs}
    undo: true
"""
TASK = subtask("mend.machine", inputs={"machine": "m1"}, symptoms=["stands_still"])


def solved(story: Played) -> str:
    assert isinstance(story.end.next, Solved), story.end
    return story.end.next.module


def given_up(story: Played) -> GiveUp:
    assert isinstance(story.end.next, GiveUp), story.end
    return story.end.next


def test_the_first_look_is_the_one_that_tells_most_for_its_cost() -> None:
    move = decide(TASK, LIBRARY, [])
    assert isinstance(move.next, Calls)
    assert [call.tool for call in move.next.calls] == ["shop.look"]
    assert "shop.look bears on 2 of 5 hypotheses" in move.reason


def test_a_decision_tells_how_likely_each_cause_is() -> None:
    move = decide(TASK, LIBRARY, [])
    shares = {each.name: each.probability for each in move.hypotheses}
    assert abs(sum(shares.values()) - 1) < 0.01
    assert list(shares)[:2] == ["belt", "fuse"]
    assert {"nothing-wrong", "unknown-cause"} <= set(shares)


def test_the_same_question_has_the_same_answer() -> None:
    seen = [Observation("shop.look", {"machine": "m1"}, {"broken": ["motor"]}, purpose=Purpose.CHECK)]
    assert decide(TASK, LIBRARY, seen) == decide(TASK, LIBRARY, seen)


@pytest.mark.parametrize("part", ["belt", "motor", "fuse"])
def test_each_fault_is_found_mended_and_verified(part: str) -> None:
    story = play(TASK, LIBRARY, Machine(part))
    assert solved(story) == part
    assert story.tools()[-2:] == ["shop.replace", "shop.run"]
    assert story.observations[-1].purpose is Purpose.VERIFY


def test_a_remedy_is_verified_by_a_look_made_after_it() -> None:
    before = Observation("shop.run", {"machine": "m1"}, {"runs": True}, purpose=Purpose.CHECK)
    look = Observation("shop.look", {"machine": "m1"}, {"broken": ["belt"]}, purpose=Purpose.CHECK)
    remedy = Observation(
        "shop.replace", {"machine": "m1", "part": "belt"}, {}, purpose=Purpose.REMEDY, module="belt", action="a1"
    )
    move = decide(TASK, LIBRARY, [before, look, remedy])
    assert isinstance(move.next, Calls)
    assert (move.next.calls[0].tool, move.next.calls[0].purpose) == ("shop.run", Purpose.VERIFY)


def test_two_faults_at_once_are_both_mended_and_neither_is_undone() -> None:
    machine = Machine("belt", "fuse")
    story = play(TASK, LIBRARY, machine)
    solved(story)
    assert sorted(machine.replaced) == ["belt", "fuse"]
    assert story.tools(Purpose.UNDO) == []


def test_a_false_alarm_is_undone_and_the_search_goes_on_with_the_fault_excluded() -> None:
    machine = Machine("fuse")
    machine.lies = {"belt"}
    story = play(TASK, LIBRARY, machine)
    assert solved(story) == "fuse"
    assert machine.replaced == ["fuse"]
    assert story.tools(Purpose.UNDO) == ["shop.replace"]
    assert story.repeated == []


def test_an_undo_names_the_action_it_undoes_with_its_tool_and_arguments() -> None:
    machine = Machine(hopeless=True)
    machine.lies = {"belt"}
    story = play(TASK, LIBRARY, machine)
    remedy = next(each for each in story.observations if each.purpose is Purpose.REMEDY)
    undo = next(each for each in story.observations if each.purpose is Purpose.UNDO)
    assert (undo.undoes, undo.tool, undo.arguments) == (remedy.action, remedy.tool, remedy.arguments)


def test_an_undo_that_fails_goes_to_a_person_who_hears_what_was_left() -> None:
    machine = Machine(hopeless=True)
    machine.lies, machine.undo_fails = {"belt"}, True
    end = given_up(play(TASK, LIBRARY, machine))
    assert end.why is EscalationReason.REMEDY_FAILED
    assert "undoing it failed (shop.replace: the old part is lost)" in end.tried[0]


def test_mended_parts_are_put_back_when_the_machine_still_stands_still() -> None:
    machine = Machine("belt", hopeless=True)
    end = given_up(play(TASK, LIBRARY, machine))
    assert end.why is EscalationReason.REMEDY_FAILED
    assert machine.replaced == []


def test_nothing_wrong_needs_a_look_that_sees_the_symptom_gone() -> None:
    story = play(TASK, LIBRARY, Machine())
    assert isinstance(story.end.next, Finding)
    assert story.end.next.module == ""
    assert any("shop.run" in line and "for nothing-wrong" in line for line in story.end.next.checked)


def test_an_unknown_cause_goes_to_a_person_with_what_is_known() -> None:
    end = given_up(play(TASK, LIBRARY, Machine(hopeless=True)))
    assert end.why is EscalationReason.NO_FAULT_FOUND
    assert "machine: m1" in end.known
    assert any(line.startswith("shop.look(machine=m1) speaks against belt, motor") for line in end.known)


def test_a_forbidden_remedy_is_never_asked_for_again() -> None:
    machine = Machine("belt")
    machine.forbidden = {"belt"}
    story = play(TASK, LIBRARY, machine)
    end = given_up(story)
    assert end.why is EscalationReason.APPROVAL
    assert story.tools(Purpose.REMEDY) == ["shop.replace"]
    assert end.module == "belt"


def test_a_forbidden_remedy_does_not_keep_the_agent_from_another_fault_that_is_there_too() -> None:
    machine = Machine("belt", "fuse")
    machine.forbidden = {"belt"}
    story = play(TASK, LIBRARY, machine)
    assert given_up(story).why is EscalationReason.APPROVAL
    assert machine.replaced == [], "and what did not help is put back"


def test_another_remedy_of_the_same_fault_is_tried_when_the_first_may_not_be_used() -> None:
    text = fault("belt", prior=0.3, look="shop.look", more=REPAIR)[1]
    machine = Machine("belt")
    machine.forbidden = {"belt"}
    story = play(TASK, library(belt=text), machine)
    assert solved(story) == "belt"
    assert story.tools(Purpose.REMEDY) == ["shop.replace", "shop.repair"]


def test_a_look_that_policy_forbids_is_not_made_again() -> None:
    seen = [Observation("shop.look", {"machine": "m1"}, None, failure="not allowed", forbidden=True)]
    move = decide(TASK, LIBRARY, seen)
    assert isinstance(move.next, Calls)
    assert "shop.look" not in [call.tool for call in move.next.calls]


def test_a_fault_whose_remedy_did_not_help_is_less_likely_while_it_has_another() -> None:
    text = fault("belt", prior=0.3, look="shop.look", more=REPAIR)[1]
    machine = Machine(hopeless=True)
    machine.lies = {"belt"}
    story = play(TASK, library(belt=text), machine)
    shares = [{each.name: each.probability for each in move.hypotheses}.get("belt", 0) for move in story.moves]
    undone = next(n for n, each in enumerate(story.observations) if each.purpose is Purpose.UNDO)
    assert shares[undone + 1] < max(shares) - 0.05
    assert story.tools(Purpose.REMEDY) == ["shop.replace", "shop.repair"]


def test_every_look_failing_is_a_fault_of_ours_and_each_is_tried_twice() -> None:
    machine = Machine("belt")
    machine.down = {"shop.look", "shop.measure", "shop.run"}
    story = play(TASK, LIBRARY, machine)
    end = given_up(story)
    assert end.why is EscalationReason.FAULT
    assert sorted(story.tools()) == sorted(2 * ["shop.look", "shop.measure", "shop.run"])
    assert "shop.look failed: shop.look is down" in end.known


def test_a_lookup_comes_before_a_question() -> None:
    task = subtask("mend.machine", inputs={"hall": "north"})
    move = decide(task, LIBRARY, [])
    assert isinstance(move.next, Calls)
    assert [(call.tool, call.origins) for call in move.next.calls] == [("shop.find", {"hall": Origin.TICKET})]
    assert solved(play(task, LIBRARY, Machine("fuse"))) == "fuse"


def test_what_was_looked_up_comes_from_a_result() -> None:
    task = subtask("mend.machine", inputs={"hall": "north"})
    seen = [Observation("shop.find", {"hall": "north"}, {"one": True, "machine": "m1"})]
    move = decide(task, LIBRARY, seen)
    assert isinstance(move.next, Calls)
    assert move.next.calls[0].origins == {"machine": Origin.RESULT}


def test_what_cannot_be_looked_up_is_asked() -> None:
    end = decide(subtask("mend.machine"), LIBRARY, []).next
    assert end == Ask(("machine",), ("Which machine is it?",))


def test_a_lookup_that_keeps_failing_becomes_a_question() -> None:
    machine = Machine("fuse")
    machine.down = {"shop.find"}
    story = play(subtask("mend.machine", inputs={"hall": "north"}), LIBRARY, machine)
    assert isinstance(story.end.next, Ask)
    assert story.tools() == ["shop.find", "shop.find"]


def test_an_input_that_an_expert_gave_says_so() -> None:
    move = decide(TASK, LIBRARY, [], origins={"machine": Origin.EXPERT})
    assert isinstance(move.next, Calls)
    assert move.next.calls[0].origins == {"machine": Origin.EXPERT}


def test_only_the_modules_that_the_plan_names_are_suspected() -> None:
    task = subtask("mend.machine", inputs={"machine": "m1"}, modules=["fuse", "unheard_of"])
    names = {each.name for each in decide(task, LIBRARY, []).hypotheses}
    assert names == {"fuse", "nothing-wrong", "unknown-cause"}


def test_a_fault_that_explains_no_symptom_is_thought_less_likely() -> None:
    task = subtask("mend.machine", inputs={"machine": "m1"}, symptoms=["smells"])
    smelly = fault("motor", prior=0.1, look="shop.look")[1].replace("[stands_still]", "[smells]")
    shares = {each.name: each.probability for each in decide(task, library(motor=smelly), []).hypotheses}
    assert shares["motor"] > shares["belt"] > 0


def test_a_symptom_that_no_healthy_state_speaks_of_is_never_called_healthy() -> None:
    task = subtask("mend.machine", inputs={"machine": "m1"}, symptoms=["smells"])
    assert given_up(play(task, LIBRARY, Machine())).why is EscalationReason.NO_FAULT_FOUND


def test_no_module_for_the_intent_goes_to_a_person_at_once() -> None:
    story = play(subtask("mend.boat", inputs={"machine": "m1"}), LIBRARY, Machine())
    assert given_up(story).why is EscalationReason.NOT_KNOWN
    assert story.observations == []


def test_a_case_librarys_priors_change_what_is_suspected_first() -> None:
    learnt = LIBRARY.with_priors({"fuse": 0.9, "belt": 7.0, "unheard_of": 0.5})
    assert decide(TASK, learnt, []).hypotheses[0].name == "fuse"


def test_a_knowledge_subtask_is_not_for_the_playbook() -> None:
    with pytest.raises(Invalid, match="no modules for the knowledge agent"):
        decide(subtask("ask", AgentName.KNOWLEDGE), LIBRARY, [])
