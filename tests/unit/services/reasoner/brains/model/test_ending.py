"""How a model may end a subtask, and what it may take back."""

from typing import Any

import pytest

from aivis.errors import Invalid
from aivis.events.actions import Purpose
from aivis.events.escalations import EscalationReason
from services.reasoner.brains.model.context import call_id
from services.reasoner.brains.playbook.moves import Ask, Calls, Finding, GiveUp, Move, Observation, Solved
from tests.unit.services.reasoner.brains.model.asking import (
    MINE,
    OTHER,
    RUNNING,
    START,
    STOPPED,
    looks,
    problem,
    read,
    seen,
    started,
    tools,
)

FOUND = "Your server was stopped; I started it."
VERIFIED = looks(RUNNING, purpose=Purpose.VERIFY, module="instance_stopped")
HEALTH = {"state": "running", "system_status": "ok", "instance_status": "ok", "events": []}
WELL = (looks(RUNNING), seen("cloud.describe_instance_status", HEALTH))
ILL = (looks(RUNNING), seen("cloud.describe_instance_status", HEALTH | {"instance_status": "impaired"}))
QUOTAS = seen("cloud.describe_quotas", {"quotas": []}, arguments={})


def finish(*observations: Observation, fault: str = "", finding: str = FOUND, **changes: Any) -> Move:
    return read(problem(*observations, **changes), ("finish", {"fault": fault, "finding": finding}))


def give_up(*observations: Observation, **changes: Any) -> Move:
    said = {"reason": "I am stuck.", "known": ["it is down"], "tried": [], "proposed": ["look at it"]}
    return read(problem(*observations, **changes), ("give_up", said))


def undo(*observations: Observation, number: int) -> Move:
    return read(problem(*observations), ("undo", {"call": call_id(number)}))


def test_a_remedy_whose_module_confirms_it_is_solved_in_the_models_words() -> None:
    move = finish(looks(STOPPED), started(), VERIFIED, fault="instance_stopped")
    assert move.next == Solved("instance_stopped", FOUND)


def test_what_was_the_cause_is_said_by_the_results_and_not_by_the_model() -> None:
    move = finish(looks(STOPPED), started(), VERIFIED, fault="instance_terminating")
    assert isinstance(move.next, Solved)
    assert move.next.module == "instance_stopped"


def test_it_may_not_finish_without_having_looked() -> None:
    with pytest.raises(Invalid, match="without having looked at anything"):
        finish()


def test_looks_at_something_else_bear_nothing_out() -> None:
    with pytest.raises(Invalid, match="nothing that was seen shows that nothing is wrong"):
        finish(QUOTAS)
    with pytest.raises(Invalid, match="nothing that was seen shows instance_stopped"):
        finish(QUOTAS, fault="instance_stopped")


def test_a_fault_that_the_results_show_may_be_reported_before_the_playbook_is_sure() -> None:
    gone = looks({"instance_id": MINE, "state": "terminated", "state_reason": ""})
    end = finish(gone, fault="instance_terminating", finding="It was deleted.").next
    assert isinstance(end, Finding | Solved | GiveUp)
    assert (end.module, getattr(end, "finding", "")) == ("instance_terminating", "It was deleted.")


def test_what_was_tried_in_vain_and_put_back_is_no_success() -> None:
    still = looks(STOPPED, purpose=Purpose.VERIFY, module="instance_stopped")
    back = started(purpose=Purpose.UNDO, undoes="a-start", action="a-back")
    with pytest.raises(Invalid, match="nothing that was seen shows instance_stopped"):
        finish(looks(STOPPED), started(), still, still, still, back, fault="instance_stopped")


def test_what_is_done_is_not_given_up_and_not_asked_about() -> None:
    with pytest.raises(Invalid, match="it gave up, but the subtask is done"):
        give_up(looks(STOPPED), started(), VERIFIED)
    with pytest.raises(Invalid, match="it asked the customer, but the subtask is done"):
        read(problem(looks(STOPPED), started(), VERIFIED), ("ask", {"questions": ["Is it up?"]}))


def test_it_may_not_finish_right_after_a_change() -> None:
    with pytest.raises(Invalid, match=r"a change is not finished: cloud\.describe_instance is due"):
        finish(looks(STOPPED), started())


def test_a_change_of_the_models_own_is_done_when_a_module_sees_that_nothing_is_wrong_now() -> None:
    own = started(module="", arguments={"instance_id": OTHER})
    for looked in ((), (QUOTAS,), (looks(RUNNING),)):
        with pytest.raises(Invalid, match=r"it finished, but nothing confirms that cloud\.start_instance helped"):
            finish(looks(STOPPED), own, *looked)
    assert finish(looks(STOPPED), own, *WELL).next == Solved("", FOUND)
    gone = looks({"instance_id": MINE, "state": "terminated", "state_reason": ""})
    with pytest.raises(Invalid, match="nothing confirms"):
        finish(looks(STOPPED), own, gone)


def test_a_look_that_shows_that_the_remedy_did_not_help_is_not_talked_away() -> None:
    still = looks(STOPPED, purpose=Purpose.VERIFY, module="instance_stopped")
    with pytest.raises(Invalid, match="it finished"):
        finish(looks(STOPPED), started(), still, still, still)


def test_nothing_is_wrong_only_if_the_results_do_not_say_otherwise() -> None:
    with pytest.raises(Invalid, match=r"the results show instance_stopped, against which cloud\.start_instance is due"):
        finish(looks(STOPPED), finding="All is well.")


def test_nothing_wrong_is_a_finding_with_what_was_looked_at() -> None:
    move = finish(*WELL, finding="All is well.")
    assert isinstance(move.next, Finding)
    assert move.next.finding == "All is well."
    assert move.next.checked


def test_a_procedure_is_done_when_its_steps_are() -> None:
    before = looks(STOPPED, purpose=Purpose.REMEDY, module="start_instance")
    with pytest.raises(Invalid, match="the procedure is not done"):
        finish(before, intent="operate.start")
    after = started(module="start_instance")
    verified = looks(RUNNING, purpose=Purpose.VERIFY, module="start_instance")
    assert finish(before, after, verified, intent="operate.start").next == Solved("start_instance", FOUND)


def test_it_asks_in_its_own_words() -> None:
    move = read(problem(inputs={}), ("ask", {"questions": ["Which server is it?"]}))
    assert move.next == Ask((), ("Which server is it?",))


def test_it_may_not_ask_in_the_middle_of_a_change() -> None:
    with pytest.raises(Invalid, match="it asked the customer, but a change is not finished"):
        read(problem(looks(STOPPED), started()), ("ask", {"questions": ["Is it up?"]}))


def test_it_may_not_give_up_while_there_is_more_to_do() -> None:
    for looked in ((), (looks(RUNNING),)):
        with pytest.raises(Invalid, match=r"it gave up, but there is more to do: cloud\.describe_instance"):
            give_up(*looked)


def test_it_may_not_give_up_what_the_results_say_how_to_mend() -> None:
    with pytest.raises(Invalid, match="it gave up, but the results show instance_stopped"):
        give_up(looks(STOPPED))


def test_it_may_not_give_up_in_the_middle_of_a_procedure() -> None:
    looked = looks(RUNNING, purpose=Purpose.REMEDY, module="restart_instance")
    begun = seen("cloud.reboot_instance", {"state": "running"}, purpose=Purpose.REMEDY, module="restart_instance")
    with pytest.raises(Invalid, match="it gave up, but a change is not finished"):
        give_up(looked, begun, intent="operate.restart")


def test_giving_up_hands_over_with_what_it_says() -> None:
    move = give_up(*ILL)
    assert move.next == GiveUp(EscalationReason.NO_FAULT_FOUND, "I am stuck.", ("it is down",), (), ("look at it",))
    assert move.reason == "I am stuck."


def test_why_it_gives_up_is_what_happened() -> None:
    denied = seen(START, None, arguments={"instance_id": OTHER}, purpose=Purpose.REMEDY, forbidden=True)
    own = started(module="", arguments={"instance_id": OTHER})
    for made, why in ((denied, EscalationReason.APPROVAL), (own, EscalationReason.REMEDY_FAILED)):
        end = give_up(*ILL, made, *ILL).next
        assert isinstance(end, GiveUp)
        assert end.why is why


def test_a_change_is_put_back_by_the_id_of_its_call() -> None:
    own = started(module="", arguments={"instance_id": OTHER}, action="a7")
    move = undo(looks(RUNNING), own, number=1)
    assert isinstance(move.next, Calls)
    (call,) = move.next.calls
    assert (call.tool, call.arguments, call.purpose, call.undoes) == (START, {"instance_id": OTHER}, Purpose.UNDO, "a7")


@pytest.mark.parametrize("number", [0, 5], ids=["a-look", "nothing"])
def test_only_what_changed_something_is_put_back(number: int) -> None:
    with pytest.raises(Invalid, match="no call of that id changed anything"):
        undo(looks(RUNNING), started(module=""), number=number)


def test_what_was_put_back_is_not_put_back_again() -> None:
    own = started(module="", action="a7")
    with pytest.raises(Invalid, match="no call of that id changed anything"):
        undo(own, started(purpose=Purpose.UNDO, module="", undoes="a7", action="a8"), number=0)
    with pytest.raises(Invalid, match="that failed before"):
        undo(own, seen(START, None, purpose=Purpose.UNDO, undoes="a7", action="a8"), number=0)


def test_what_has_no_undo_is_not_put_back() -> None:
    own = seen("cloud.reboot_instance", {"state": "running"}, purpose=Purpose.REMEDY, action="a1")
    with pytest.raises(Invalid, match=r"cloud\.reboot_instance, which has no undo"):
        undo(own, number=0)


def test_what_helped_is_not_put_back() -> None:
    with pytest.raises(Invalid, match=r"undo cloud\.start_instance, which helped"):
        undo(looks(STOPPED), started(), VERIFIED, number=1)


def test_a_remedy_is_looked_at_before_it_is_put_back() -> None:
    with pytest.raises(Invalid, match=r"but cloud\.describe_instance is due first"):
        undo(looks(STOPPED), started(), number=1)
    still = looks(STOPPED, purpose=Purpose.VERIFY, module="instance_stopped")
    assert tools(undo(looks(STOPPED), started(), still, still, still, number=1)) == [START]


def test_the_models_text_is_the_reason_where_there_is_one() -> None:
    said = ("finish", {"fault": "", "finding": "All is well."})
    assert read(problem(*WELL), said, text="Because it runs.").reason == "Because it runs."
    assert read(problem(*WELL), said).reason == "All is well."


def test_another_instance_is_not_what_the_ticket_is_about() -> None:
    other = looks(RUNNING | {"instance_id": OTHER}, arguments={"instance_id": OTHER})
    with pytest.raises(Invalid, match="nothing that was seen shows"):
        finish(other, finding="All is well.")
