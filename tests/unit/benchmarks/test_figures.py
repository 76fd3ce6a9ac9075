"""What a figure says of itself, in the terminal, as JSON and on the page."""

from datetime import UTC, datetime

import pytest

from benchmarks.figures import Figure, Verdict
from benchmarks.processes import slope
from benchmarks.rendering import page, report


def figure(**changes: object) -> Figure:
    given = {"name": "CPU of a hop", "stack": "here", "value": 300.0, "unit": "us", "limit": 100.0, **changes}
    return Figure(**given)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [(1.6, Verdict.AIM), (1.7, Verdict.MUST), (2.5, Verdict.MUST), (2.6, Verdict.MISSED)],
)
def test_a_ratio_is_held_to_what_was_promised_of_it(judged: float, verdict: Verdict) -> None:
    assert figure(judged=judged, must=2.5, aim=1.6).verdict is verdict


def test_without_a_ratio_the_value_itself_is_held_to_the_promise() -> None:
    assert figure(must=299).verdict is Verdict.MISSED
    assert figure(must=300).verdict is Verdict.MUST


def test_where_nothing_was_promised_nothing_is_judged() -> None:
    assert figure().verdict is Verdict.NONE


def test_the_ratio_is_the_value_over_the_machines_own_limit() -> None:
    assert figure().ratio == 3
    assert figure(limit=None).ratio is None


def test_the_page_shows_value_limit_ratio_and_verdict_of_every_figure() -> None:
    missed = figure(judged=3.0, must=2.5, aim=1.6, limit_is="bare")
    written = page(report("python -m benchmarks hop", datetime(2026, 3, 2, tzinfo=UTC), [missed]))
    assert "`python -m benchmarks hop` on 2026-03-02" in written
    assert "| CPU of a hop | here | 300 us | 100 us (bare) | 3.00 | 2.5x | 1.6x | MISSED |" in written


def test_json_carries_ratio_and_verdict() -> None:
    [written] = report("x", datetime(2026, 3, 2, tzinfo=UTC), [figure(must=1)]).json()["figures"]
    assert (written["ratio"], written["verdict"]) == (3, "MISSED")


def test_the_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(0, 4), (1, 4)]) == 0
    assert slope([(3, 4)]) == 0
