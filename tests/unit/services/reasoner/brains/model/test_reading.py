"""What an answer's calls may become."""

from typing import Any

import pytest

from aivis.errors import Invalid
from aivis.events.actions import Autonomy, Origin, Purpose
from services.reasoner.brains.model import reading
from services.reasoner.brains.playbook.moves import Call, Calls, Move
from tests.unit.domains.cloud.modules.cloud import GROUP, ME, Cloud
from tests.unit.domains.cloud.modules.variants import CONNECT, REACH
from tests.unit.services.reasoner.brains.model.asking import (
    DESCRIBE,
    FIND,
    MINE,
    OTHER,
    RUNNING,
    START,
    STOP,
    STOPPED,
    here,
    looks,
    output,
    problem,
    read,
    seen,
    started,
    tools,
    wire,
)

LOOK = wire(DESCRIBE, instance_id=MINE)
STATUS = "cloud.describe_instance_status"
RESTART = "operate.restart"


def only(move: Move) -> Call:
    assert isinstance(move.next, Calls)
    (call,) = move.next.calls
    return call


def test_calls_become_a_move_with_the_models_words_as_its_reason() -> None:
    move = read(problem(), LOOK, wire(STATUS, instance_id=MINE), text="  I look\nfirst. ")
    assert tools(move) == [DESCRIBE, STATUS]
    assert move.reason == "I look first."


def test_the_same_call_twice_is_made_once() -> None:
    assert tools(read(problem(), LOOK, LOOK)) == [DESCRIBE]


def test_an_optional_argument_that_is_null_is_left_out() -> None:
    call = only(read(problem(inputs={"instance_name": "web"}), wire(FIND, name="web", address=None)))
    assert call.arguments == {"name": "web"}


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        ([], "it called no tool, and said: hm"),
        ([("cloud__explode", {})], "it called 'cloud__explode': no such tool was offered"),
        ([(DESCRIBE, {"instance_id": MINE})], "no such tool was offered"),
        ([("cloud__terminate_instance", {"instance_id": MINE})], "no such tool was offered"),
        ([("cloud__describe_instance", "{not json")], "the arguments of cloud__describe_instance are not JSON"),
        ([("cloud__describe_instance", "[1]")], "are no object"),
        ([("cloud__describe_instance", "")], "'instance_id' is a required property"),
        ([("cloud__describe_instance", {"instance_id": "web"})], r"\$\.instance_id: 'web' does not match"),
        ([("cloud__describe_instance", {"instance_id": MINE, "x": 1})], "Additional properties"),
        ([("cloud__describe_instance", {"instance_id": None})], "None is not of type 'string'"),
        ([("cloud__describe_instance", '{"instance_id": "i\\u0000"}')], "the character NUL"),
        ([("cloud__describe_instance", '{"x": ' + "[" * 900 + "]" * 900 + "}")], "nested deeper than 20 levels"),
        ([("cloud__describe_instance", '{"x": ' + "[" * 90_000 + "]" * 90_000 + "}")], "are not JSON"),
        ([LOOK] * 50, "it called 50 tools at once; at most 5"),
        ([LOOK, ("finish", {"fault": "", "finding": "done"})], "it called finish and other tools at once"),
        ([("finish", {"fault": "gremlins", "finding": "done"})], r"\$\.fault: 'gremlins' is not one of"),
        ([("finish", {"fault": "", "finding": "  "})], r"\$\.finding: .* does not match"),
        ([("ask", {"questions": []})], r"\$\.questions: .* should be non-empty"),
        ([("ask", {"questions": ["?" * 5_000]})], r"is too long"),
        ([("give_up", {"reason": "no"})], "'known' is a required property"),
    ],
)
def test_nonsense_is_refused_in_words(calls: list[tuple[str, Any]], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        reading.move(output(*calls, text="hm"), here(problem()))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"finish": "length"}, "cut at the limit of its tokens"),
        ({"finish": "content_filter"}, "content filter"),
        ({"finish": ""}, "the answer ended with ''"),
        ({"trouble": "model m: no whole answer in 60 s"}, "no whole answer in 60 s"),
    ],
)
def test_an_answer_that_is_not_whole_is_not_acted_on(changes: dict[str, str], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        reading.move(output(LOOK) | changes, here(problem()))


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "function_call"])
def test_every_word_for_a_whole_answer_is_understood(finish: str) -> None:
    assert tools(reading.move(output(LOOK, finish=finish), here(problem()))) == [DESCRIBE]


def test_a_look_that_the_playbook_would_take_too_is_the_playbooks() -> None:
    call = only(read(problem(), LOOK))
    assert (call.purpose, call.origins) == (Purpose.CHECK, {"instance_id": Origin.TICKET})
    assert call.module


def test_the_remedy_that_the_results_call_for_belongs_to_its_module() -> None:
    call = only(read(problem(looks(STOPPED)), wire(START, instance_id=MINE)))
    assert (call.module, call.purpose, call.autonomy) == ("instance_stopped", Purpose.REMEDY, Autonomy.AUTOPILOT)
    assert call.origins == {"instance_id": Origin.TICKET}


def test_a_remedy_of_a_fault_that_the_results_do_not_show_is_the_models_own() -> None:
    for ingress, module in (([], "security_group_lacks_port"), (Cloud().state.ingress, "")):
        cloud, asked = Cloud(ingress=ingress), {"instance_id": ME}
        tools = ("cloud.describe_security_groups", "cloud.check_listening_port")
        looked = (seen(tool, cloud.call(tool, asked, "a"), arguments=asked) for tool in tools)
        about = problem(*looked, intent=CONNECT, inputs=REACH, symptoms=("connection_timeout",))
        open_it = wire("cloud.authorize_ingress", group_id=GROUP, port=443, source="203.0.113.7/32", protocol=None)
        assert only(read(about, open_it)).module == module


def test_the_playbooks_own_view_of_the_causes_is_recorded_with_the_move() -> None:
    move = read(problem(looks(STOPPED)), wire(START, instance_id=MINE))
    assert move.hypotheses[0].name == "instance_stopped"


def test_a_change_of_a_thing_that_the_ticket_does_not_name_has_the_origin_text() -> None:
    call = only(read(problem(looks(STOPPED)), wire(START, instance_id=OTHER)))
    assert (call.module, call.origins) == ("", {"instance_id": Origin.TEXT})


def test_a_change_for_good_that_no_module_asks_for_is_never_made_alone() -> None:
    call = only(read(problem(looks(RUNNING), intent=RESTART), wire("cloud.reboot_instance", instance_id=OTHER)))
    assert call.autonomy is Autonomy.COPILOT


def test_nothing_is_changed_before_anything_was_looked_at() -> None:
    with pytest.raises(Invalid, match=r"it called cloud\.start_instance before it looked at anything"):
        read(problem(), wire(START, instance_id=MINE))


def test_changes_are_made_one_at_a_time() -> None:
    with pytest.raises(Invalid, match="changes are made one at a time"):
        read(problem(looks(STOPPED)), wire(START, instance_id=MINE), LOOK)


def test_after_a_change_the_first_look_verifies_and_the_next_waits_a_while() -> None:
    change = started(module="", arguments={"instance_id": OTHER})
    first = only(read(problem(change, inputs={}), wire(STATUS, instance_id=MINE)))
    assert (first.purpose, first.delay) == (Purpose.VERIFY, 0)
    again = seen(STATUS, {"ok": False}, purpose=Purpose.VERIFY)
    second = only(read(problem(change, again, inputs={}), wire(STATUS, instance_id=MINE)))
    assert second.purpose is Purpose.CHECK
    assert second.delay > 0


def test_what_a_module_began_is_finished_before_another_change() -> None:
    with pytest.raises(Invalid, match=r"not finished: cloud\.describe_instance is due"):
        read(problem(looks(STOPPED), started()), wire(START, instance_id=OTHER))


def test_what_was_done_is_not_done_again_unless_it_was_put_back() -> None:
    done = started(module="", arguments={"instance_id": OTHER}, action="a1")
    back = started(module="", arguments={"instance_id": OTHER}, purpose=Purpose.UNDO, undoes="a1", action="a2")
    call = wire(START, instance_id=OTHER)
    with pytest.raises(Invalid, match="that was done already"):
        read(problem(looks(RUNNING), done), call)
    assert tools(read(problem(looks(RUNNING), done, back), call)) == [START]


def test_what_was_not_allowed_is_not_proposed_again() -> None:
    denied = seen(START, None, arguments={"instance_id": OTHER}, purpose=Purpose.REMEDY, forbidden=True)
    with pytest.raises(Invalid, match="that is not allowed"):
        read(problem(looks(RUNNING), denied), wire(START, instance_id=OTHER))


def test_what_failed_twice_is_not_tried_a_third_time() -> None:
    failed = seen(START, None, arguments={"instance_id": OTHER}, purpose=Purpose.REMEDY)
    assert tools(read(problem(looks(RUNNING), failed), wire(START, instance_id=OTHER))) == [START]
    with pytest.raises(Invalid, match="that failed 2 times"):
        read(problem(looks(RUNNING), failed, failed), wire(START, instance_id=OTHER))


def test_a_step_of_a_procedure_is_the_procedures_and_out_of_turn_it_is_the_models_own() -> None:
    about = problem(intent="operate.stop")
    assert only(read(about, LOOK)).module == "stop_instance"
    early = only(read(problem(looks(RUNNING), intent="operate.stop"), wire(STOP, instance_id=MINE)))
    assert (early.module, early.autonomy) == ("", Autonomy.COPILOT)
