"""Figures of rankings."""

import math

import pytest

from learning.evaluation.ranks import figures


def test_a_perfect_ranking_has_all_figures_at_one() -> None:
    assert figures([(["a", "b"], ["a"]), (["c"], ["c"])]) == {
        "recall@1": 1.0,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "ndcg@10": 1.0,
    }


def test_recall_is_the_share_of_the_relevant_within_the_cut() -> None:
    found = figures([(["x", "a", "y", "z", "u", "b"], ["a", "b"])])
    assert (found["recall@1"], found["recall@5"], found["recall@10"]) == (0.0, 0.5, 1.0)


def test_gain_falls_with_the_logarithm_of_the_place() -> None:
    assert figures([(["x", "a"], ["a"])])["ndcg@10"] == pytest.approx(1 / math.log2(3))
    both = figures([(["a", "x", "b"], ["a", "b"])])["ndcg@10"]
    assert both == pytest.approx((1 + 1 / 2) / (1 + 1 / math.log2(3)))


def test_what_stands_behind_the_tenth_place_gains_nothing() -> None:
    ranked = [*(f"x{place}" for place in range(10)), "a"]
    assert figures([(ranked, ["a"])])["ndcg@10"] == 0.0


def test_no_questions_give_noughts_and_no_error() -> None:
    assert set(figures([]).values()) == {0.0}
