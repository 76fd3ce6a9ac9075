"""Whatever the tools answer, a diagnosis ends, repeats no remedy, and leaves nothing behind without success."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aivis.errors import Refused
from aivis.events.actions import Purpose
from aivis.events.envelope import JsonObject
from services.reasoner.brains.playbook.moves import Solved
from tests.unit.services.reasoner.brains.playbook.play import Forbidden, play, subtask
from tests.unit.services.reasoner.brains.playbook.workshop import PARTS, Machine, library

LIBRARY = library()
TASK = subtask("mend.machine", inputs={"machine": "m1"}, symptoms=["stands_still"])


class Moody:
    """Tools that answer as the dice fall: nonsense, refusals, lies."""

    def __init__(self, dice: st.DataObject) -> None:
        self.dice = dice
        self.standing: list[str] = []

    def call(self, tool: str, arguments: JsonObject, action: str) -> JsonObject:
        mood = self.dice.draw(st.sampled_from(["answers", "answers", "answers", "fails", "forbids", "babbles"]))
        if mood == "fails":
            raise Refused("no")
        if mood == "forbids":
            raise Forbidden("never")
        if tool == "shop.replace":
            self.standing.append(action)
            return {}
        if mood == "babbles":
            return {"broken": 7, "runs": "perhaps"}
        return {"broken": self.dice.draw(st.lists(st.sampled_from(PARTS))), "runs": self.dice.draw(st.booleans())}

    def undo(self, action: str) -> JsonObject:
        if self.dice.draw(st.integers(0, 5)) == 0:
            raise Refused("stuck")
        self.standing.remove(action)
        return {}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_diagnosis_ends_and_repeats_no_remedy_whatever_the_tools_say(dice: st.DataObject) -> None:
    world = Moody(dice)
    story = play(TASK, LIBRARY, world, most=60)
    assert story.repeated == []
    undone = [each.undoes for each in story.observations if each.purpose is Purpose.UNDO]
    assert len(undone) == len(set(undone)), "nothing is undone twice"
    for move in story.moves:
        assert abs(sum(each.probability for each in move.hypotheses) - 1) < 0.05
        assert move.reason


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(PARTS)), st.sets(st.sampled_from(PARTS)), st.booleans())
def test_a_machine_that_is_not_mended_is_left_as_it_was(broken: set[str], lies: set[str], hopeless: bool) -> None:
    machine = Machine(*broken, hopeless=hopeless)
    machine.lies = lies
    story = play(TASK, LIBRARY, machine)
    if not isinstance(story.end.next, Solved):
        assert (machine.broken, machine.replaced) == (broken, [])
    else:
        assert machine.broken == set()
