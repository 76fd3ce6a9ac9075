"""How passages are scored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.retriever import ranking
from services.retriever.ranking import Statistics


def counts(*rows: list[int]) -> ranking.Floats:
    return np.asarray(rows, dtype=float)


ABOUT = Statistics(passages=100, holding=np.asarray([1.0, 90.0]), average_length=50.0)
"""A rare term and a common one."""


def test_a_rare_term_weighs_more_than_a_common_one() -> None:
    rare, common = ranking.rarity(ABOUT)
    assert rare > 10 * common > 0


def test_coverage_is_the_weighed_share_of_terms_held() -> None:
    both, rare, common, none = ranking.coverage(counts([1, 5, 0, 0], [1, 0, 3, 0]), ABOUT)
    assert both == pytest.approx(1)
    assert rare + common == pytest.approx(1)
    assert rare > 0.9
    assert none == 0


def test_words_count_for_more_in_a_short_passage_than_in_a_long_one() -> None:
    short, long = ranking.lexical(counts([1, 1], [0, 0]), np.asarray([20.0, 200.0]), ABOUT)
    assert short > long > 0


def test_the_tenth_repetition_of_a_word_adds_less_than_the_second() -> None:
    once, twice, nine, ten = ranking.lexical(counts([1, 2, 9, 10], [0] * 4), np.full(4, 50.0), ABOUT)
    assert twice - once > ten - nine > 0


def test_a_passage_good_in_both_beats_one_good_in_either() -> None:
    both, words, meaning = ranking.fused(np.asarray([0.6, 0.6, 0.1]), np.asarray([0.7, 0.1, 0.7]))
    assert both > max(words, meaning)


def test_without_a_vector_words_alone_decide() -> None:
    words = np.asarray([0.2, 0.9])
    assert list(ranking.fused(words, None)) == [0.2, 0.9]


def test_a_contrary_meaning_counts_as_none() -> None:
    assert list(ranking.fused(np.asarray([0.5, 0.5]), np.asarray([-0.8, 0.0]))) == pytest.approx([0.225, 0.225])


def test_no_terms_score_nothing() -> None:
    nothing = Statistics(passages=10, holding=np.zeros(0), average_length=5.0)
    assert list(ranking.lexical(np.zeros((0, 3)), np.full(3, 5.0), nothing)) == [0, 0, 0]


@given(
    st.lists(st.integers(0, 1_000), min_size=3, max_size=3),
    st.integers(0, 1_000),
    st.floats(0, 500, allow_nan=False),
)
def test_every_figure_stays_within_nought_and_one(held: list[int], passages: int, average: float) -> None:
    # Counts can be older than the passages they are of: a store keeps them for a minute.
    statistics = Statistics(passages, np.asarray(held, dtype=float), average)
    matrix = counts([0, 1], [3, 0], [7, 900])
    for figure in (
        ranking.lexical(matrix, np.asarray([1.0, 2_000.0]), statistics),
        ranking.coverage(matrix, statistics),
    ):
        assert np.all((figure >= 0) & (figure <= 1 + 1e-9))
