import yaml

from aivis.events.envelope import JsonObject
from aivis.modules.expressions import Scope
from aivis.modules.schema import Procedure, Step
from aivis.modules.walking import Answer, Answers, walk

PROCEDURE = Procedure.model_validate(
    yaml.safe_load("""
procedure: move
says: Move it.
serves: [move]
steps:
  - {tool: house.find, finds: {room: result.room}, expect: "result.room != ''", otherwise: "It is in {result.street}."}
  - {tool: house.lock, when: "found.room == 'hall'"}
  - {tool: house.wait, with: {room: found.room}, expect: result.quiet, tries: 2, wait: 30}
finding: Moved.
""")
)


def answers(*said: JsonObject | str) -> Answers:
    queue = list(said)

    def answer(step: Step, arguments: JsonObject) -> Answer | None:
        if not queue:
            return None
        next_one = queue.pop(0)
        return Answer(None, next_one) if isinstance(next_one, str) else Answer(next_one)

    return answer


def test_the_first_step_is_due_first() -> None:
    due = walk(PROCEDURE, Scope(), answers()).due
    assert due is not None
    assert due.step.tool == "house.find"


def test_a_step_whose_condition_does_not_hold_is_left_out() -> None:
    due = walk(PROCEDURE, Scope(), answers({"room": "attic"})).due
    assert due is not None
    assert (due.step.tool, due.arguments, due.delay) == ("house.wait", {"room": "attic"}, 0)


def test_a_look_is_repeated_after_a_pause_until_it_holds() -> None:
    again = walk(PROCEDURE, Scope(), answers({"room": "attic"}, {"quiet": False})).due
    assert again is not None
    assert (again.step.tool, again.delay) == ("house.wait", 30)
    assert walk(PROCEDURE, Scope(), answers({"room": "attic"}, {"quiet": False}, {"quiet": True})).complete


def test_a_look_that_never_holds_fails_the_procedure() -> None:
    end = walk(PROCEDURE, Scope(), answers({"room": "attic"}, {"quiet": False}, {"quiet": False}))
    assert end.failed is PROCEDURE.steps[2]
    assert end.why == "after house.wait this does not hold: result.quiet"


def test_a_step_that_does_not_come_out_says_what_that_means() -> None:
    end = walk(PROCEDURE, Scope(), answers({"room": "", "street": "Elm"}))
    assert (end.failed, end.why) == (PROCEDURE.steps[0], "It is in Elm.")


def test_a_tool_that_fails_fails_its_step() -> None:
    end = walk(PROCEDURE, Scope(), answers({"room": "hall"}, "no key"))
    assert (end.failed, end.why) == (PROCEDURE.steps[1], "house.lock failed: no key")
    assert [done.step.tool for done in end.done] == ["house.find"]
