from math import log2

from hypothesis import given
from hypothesis import strategies as st

from aivis.modules.belief import UNKNOWN_CAUSE, Evidence, entropy, normalised, update
from aivis.modules.schema import Check
from services.reasoner.brains.playbook.checks import Probe, Worth, chosen, expected_bits, ranked
from services.reasoner.brains.playbook.tuning import DEFAULT


def check(sure: float, alarm: float, cost: float = 1) -> Check:
    return Check(tool="a.b", when_present="true", sure=sure, false_alarm=alarm, cost=cost)


def probe(conditions: dict[str, Check], cost: float = 1, tool: str = "a.b") -> Probe:
    return Probe(tool, {}, {}, cost, conditions)


BELIEF = normalised({"a": 3, "b": 2, "c": 1, UNKNOWN_CAUSE: 1})
figures = st.floats(0.51, 0.99)


@given(figures, st.floats(0.005, 0.5), st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_what_a_look_tells_is_the_entropy_it_takes_away_on_average(sure: float, alarm: float, w: list[float]) -> None:
    belief = normalised(dict(zip(["a", "b", "c", UNKNOWN_CAUSE], w, strict=True)))
    true, false = (Evidence("a", outcome, sure, alarm) for outcome in (True, False))
    chance = sum(share * true.likelihood(name) for name, share in belief.items())
    average = chance * entropy(update(belief, true)) + (1 - chance) * entropy(update(belief, false))
    assert abs(expected_bits(probe({"a": check(sure, alarm)}), belief) - max(0, entropy(belief) - average)) < 1e-6


@given(figures, st.floats(0.005, 0.5))
def test_a_look_never_tells_less_than_nothing_nor_more_than_there_is_to_know(sure: float, alarm: float) -> None:
    bits = expected_bits(probe({name: check(sure, alarm) for name in "abc"}), BELIEF)
    assert 0 <= bits <= entropy(BELIEF) + 1e-9


def test_a_call_that_informs_about_several_causes_tells_more_than_about_one() -> None:
    exact = check(0.99, 0.01)
    assert expected_bits(probe({"a": exact, "b": exact}), BELIEF) > expected_bits(probe({"a": exact}), BELIEF)


def test_an_all_but_exact_look_at_an_even_question_tells_one_bit() -> None:
    even = normalised({"a": 1, UNKNOWN_CAUSE: 1})
    assert abs(expected_bits(probe({"a": check(0.9999, 0.0001)}), even) - 1) < 0.01
    assert log2(2) == entropy(even)


def test_looks_are_ranked_by_what_they_tell_for_their_cost() -> None:
    exact = check(0.99, 0.01)
    dear, cheap = probe({"a": exact, "b": exact}, cost=5, tool="dear.one"), probe({"b": exact}, tool="cheap.one")
    assert [worth.probe.tool for worth in ranked([dear, cheap], BELIEF)] == ["cheap.one", "dear.one"]


def test_looks_at_other_causes_that_are_about_as_good_run_side_by_side() -> None:
    exact = check(0.99, 0.01)
    best = Worth(probe({"a": exact}), 1.0)
    as_good, same_cause = Worth(probe({"b": exact}), 0.9), Worth(probe({"a": exact}), 0.95)
    worse, dear = Worth(probe({"c": exact}), 0.5), Worth(probe({"c": exact}, cost=3), 2.9)
    assert chosen([best, same_cause, dear, as_good, worse], DEFAULT) == (best, as_good)
