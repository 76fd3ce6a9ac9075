from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reasoner.brains.playbook.costs import Trial, best_order, cost_of, expected_cost, fixed_order, trials_of
from tests.unit.services.reasoner.brains.playbook.workshop import library


def trial(name: str, cost: float, *decides: str) -> Trial:
    return Trial(name, cost, frozenset(decides))


def test_the_cost_of_an_order_is_what_is_spent_until_the_fault_is_decided() -> None:
    order = [trial("x", 1, "a"), trial("y", 2, "b"), trial("z", 4, "c")]
    assert expected_cost(order, {"a": 0.5, "b": 0.25, "c": 0.25}) == 0.5 * 1 + 0.25 * 3 + 0.25 * 7
    assert [cost_of(fault, order) for fault in ("a", "b", "c", "none of them")] == [1, 3, 7, 7]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.5, 9), st.sets(st.sampled_from("abcd"), min_size=1, max_size=3)), min_size=1, max_size=4
    ),
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
)
def test_no_order_is_better_than_the_best(looks: list[tuple[float, set[str]]], weights: list[float]) -> None:
    trials = [Trial(str(n), cost, frozenset(decides)) for n, (cost, decides) in enumerate(looks)]
    priors = dict(zip("abcd", weights, strict=True))
    least = min(expected_cost(order, priors) for order in permutations(trials))
    assert abs(expected_cost(best_order(trials, priors), priors) - least) < 1e-9


def test_beyond_what_can_be_searched_the_likely_and_cheap_come_first() -> None:
    trials = [trial(str(n), 1 + n % 3, str(n)) for n in range(20)]
    priors = {str(n): 0.1 for n in range(20)}
    assert [each.cost for each in best_order(trials, priors)] == sorted(each.cost for each in trials)


def test_two_modules_with_the_same_call_are_decided_by_one_look() -> None:
    trials = fixed_order(trials_of(library().faults))
    assert [sorted(each.decides) for each in trials] == [["belt", "motor"], ["fuse"]]
    assert [each.cost for each in trials] == [1, 2]
