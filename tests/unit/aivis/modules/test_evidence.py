import yaml

from aivis.events.envelope import JsonObject
from aivis.modules.evidence import standing
from aivis.modules.expressions import Scope
from aivis.modules.schema import Fault

FAULT = Fault.model_validate(
    yaml.safe_load("""
fault: leak
says: It leaks.
prior: 0.2
explains: [wet]
checks:
  - tool: house.list
    with: {house: ticket.house}
    when_present: "size(result.pipes) > 0"
    finds: {pipe: "result.pipes[0]"}
  - {tool: house.look, with: {pipe: found.pipe}, when_present: result.wet, sure: 0.9}
  - {tool: house.weigh, when: has(ticket.scales), when_present: "result.kilos > 9"}
  - {tool: house.smell, when_present: "found.pipe in result.bad"}
finding: Mend it.
""")
)


def test_a_check_waits_until_what_it_needs_is_found() -> None:
    stand = standing(FAULT, Scope(ticket={"house": "h"}), lambda tool, arguments: None)
    assert [look.check.tool for look in stand.open] == ["house.list"]
    assert stand.waits_for == {"pipe"}


def test_what_one_check_found_opens_the_next() -> None:
    results = {"house.list": {"pipes": ["p1"]}}
    stand = standing(FAULT, Scope(ticket={"house": "h"}), lambda tool, arguments: results.get(tool))
    assert [(look.check.tool, look.arguments) for look in stand.open] == [
        ("house.look", {"pipe": "p1"}),
        ("house.smell", {}),
    ]
    assert stand.confirmed


def test_a_result_that_does_not_decide_is_no_evidence() -> None:
    results: dict[str, JsonObject] = {"house.list": {"pipes": ["p1"]}, "house.look": {"dry": True}}
    stand = standing(FAULT, Scope(ticket={"house": "h"}), lambda tool, arguments: results.get(tool))
    assert [reading.present for reading in stand.readings] == [True, None]
    assert len(stand.evidence) == 1


def test_a_check_whose_condition_does_not_hold_is_left_out() -> None:
    stand = standing(FAULT, Scope(ticket={"house": "h", "scales": 1}), lambda tool, arguments: None)
    assert "house.weigh" in [look.check.tool for look in stand.open]
    without = standing(FAULT, Scope(ticket={"house": "h"}), lambda tool, arguments: None)
    assert "house.weigh" not in [look.check.tool for look in without.open]
