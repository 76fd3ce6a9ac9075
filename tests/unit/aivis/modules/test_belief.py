"""Properties of the belief update that hold whatever the evidence."""

from hypothesis import given
from hypothesis import strategies as st

from aivis.modules.belief import NOTHING_WRONG, UNKNOWN_CAUSE, Belief, Evidence, entropy, normalised, update, updated

NAMES = ["a", "b", "c", NOTHING_WRONG, UNKNOWN_CAUSE]
shares = st.floats(0.001, 1)
beliefs = st.lists(shares, min_size=5, max_size=5).map(lambda w: normalised(dict(zip(NAMES, w, strict=True))))


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    sure = draw(st.floats(0.51, 0.999))
    return Evidence(draw(st.sampled_from(NAMES)), draw(st.booleans()), sure, draw(st.floats(0.001, sure - 0.005)))


@given(beliefs, st.lists(evidence(), max_size=30))
def test_belief_sums_to_one_and_stays_between_zero_and_one(belief: Belief, seen: list[Evidence]) -> None:
    after = updated(belief, seen)
    assert abs(sum(after.values()) - 1) < 1e-9
    assert all(0 < share <= 1 for share in after.values())


@given(beliefs, evidence())
def test_what_speaks_for_a_hypothesis_never_lowers_it_and_what_speaks_against_never_raises_it(
    belief: Belief, seen: Evidence
) -> None:
    after = update(belief, seen)[seen.speaks_for]
    assert after >= belief[seen.speaks_for] - 1e-9 if seen.true else after <= belief[seen.speaks_for] + 1e-9


@given(beliefs, st.lists(evidence(), min_size=1, max_size=4))
def test_the_order_of_evidence_does_not_matter(belief: Belief, seen: list[Evidence]) -> None:
    one, other = updated(belief, seen), updated(belief, seen[::-1])
    assert all(abs(one[name] - other[name]) < 1e-6 for name in NAMES)


@given(beliefs, evidence())
def test_the_ratio_of_two_hypotheses_that_evidence_does_not_name_stays(belief: Belief, seen: Evidence) -> None:
    first, second = [name for name in NAMES if name != seen.speaks_for][:2]
    after = update(belief, seen)
    assert abs(after[first] / after[second] - belief[first] / belief[second]) < 1e-3 * belief[first] / belief[second]


def test_bayes_rule_gives_the_figure_of_the_book() -> None:
    after = update({"a": 0.18, UNKNOWN_CAUSE: 0.82}, Evidence("a", true=True, sure=0.98, alarm=0.02))
    assert abs(after["a"] - 0.18 * 0.98 / (0.18 * 0.98 + 0.82 * 0.02)) < 1e-12


def test_uncertainty_is_greatest_when_all_are_alike_and_nil_when_one_is_certain() -> None:
    assert entropy(normalised(dict.fromkeys("abcd", 1.0))) == 2
    assert entropy(normalised({"a": 1.0, "b": 0.0})) < 1e-6
