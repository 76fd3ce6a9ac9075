"""A ticket about an instance that does not exist."""

from pathlib import Path

from aivis.events.plans import AgentName, Subtask
from aivis.modules import loader
from services.reasoner.brains.playbook.deciding import decide
from services.reasoner.brains.playbook.moves import Calls, GiveUp, Observation

MODULES = Path(__file__).parents[5] / "domains" / "cloud" / "modules"
SAID = "instance i-0123456789abcdef0 does not exist in this account: check the id"


def test_each_look_is_made_once_and_the_person_hears_that_it_is_not_there() -> None:
    subtask = Subtask(
        id="s1", goal="find out", agent=AgentName.DIAGNOSTIC, intent="diagnose.connectivity",
        inputs={"instance_id": "i-0123456789abcdef0", "port": 443, "source": "203.0.113.7/32"},
        symptoms=("connection_timeout",),
    )  # fmt: skip
    library, seen = loader.load(MODULES), list[Observation]()
    while isinstance(next_ := decide(subtask, library, seen).next, Calls):
        seen += [Observation(call.tool, call.arguments, None, SAID, call.purpose, lasting=True) for call in next_.calls]
        assert len(seen) < 40
    assert isinstance(next_, GiveUp)
    assert SAID in next_.reason
    made = [(each.tool, str(each.arguments)) for each in seen]
    assert len(made) == len(set(made))
