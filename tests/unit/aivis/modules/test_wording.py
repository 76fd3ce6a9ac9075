"""Modules that speak of intents and symptoms which no ticket is read into."""

from aivis.modules import loader
from aivis.modules.wording import wording_faults

MODULE = """
fault: stopped
says: It is stopped.
prior: 0.1
serves: [diagnose.down]
explains: [instance_down, instance_donw]
checks: [{tool: a.look, when_present: "true"}]
finding: It was stopped.
"""


def test_a_word_that_no_ticket_is_read_into_is_told_with_its_line_and_the_nearest_one() -> None:
    loaded = loader.parse_all([("stopped.yaml", MODULE)])
    (problem,) = wording_faults(loaded, {"diagnose.down"}, {"instance_down"})
    assert str(problem).startswith("stopped.yaml:6: explains[1]: 'instance_donw'")
    assert "did you mean instance_down?" in problem.message


def test_known_words_are_no_fault() -> None:
    loaded = loader.parse_all([("stopped.yaml", MODULE)])
    assert not list(wording_faults(loaded, {"diagnose.down"}, {"instance_down", "instance_donw"}))
