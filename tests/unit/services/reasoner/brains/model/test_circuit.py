"""When an endpoint in trouble is asked again."""

from datetime import timedelta

import pytest

from services.reasoner.brains.model.circuit import LONGEST_PAUSE, PAUSE, Circuit
from services.reasoner.brains.model.ports import Unavailable
from tests.unit.services.reasoner.brains.model.asking import NOW


class Clock:
    def __init__(self) -> None:
        self.now = NOW
        self.circuit = Circuit(lambda: self.now)

    def admits(self) -> bool:
        try:
            self.circuit.admit()
        except Unavailable:
            return False
        return True

    def later(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_endpoint_that_answers_is_asked(clock: Clock) -> None:
    assert clock.admits()
    clock.circuit.answered()
    assert clock.admits()


def test_one_that_failed_is_left_alone_and_why_is_said(clock: Clock) -> None:
    clock.circuit.failed("connection refused")
    with pytest.raises(Unavailable, match=r"connection refused; it is left alone until 09:00:30"):
        clock.circuit.admit()


def test_after_the_pause_one_question_finds_out_and_the_others_wait_for_it(clock: Clock) -> None:
    clock.circuit.failed("down")
    clock.later(PAUSE)
    assert clock.admits()
    assert not clock.admits()
    clock.circuit.answered()
    assert clock.admits()


def test_a_question_that_never_came_back_is_not_waited_for_longer_than_a_pause(clock: Clock) -> None:
    clock.circuit.failed("down")
    clock.later(PAUSE)
    assert clock.admits()
    clock.later(PAUSE)
    assert clock.admits()


@pytest.mark.parametrize(("asked", "left"), [(1, PAUSE), (90, timedelta(seconds=90)), (86_400, LONGEST_PAUSE)])
def test_it_is_left_alone_as_long_as_it_asks_within_bounds(clock: Clock, asked: float, left: timedelta) -> None:
    clock.circuit.failed("busy", asked)
    clock.later(left - timedelta(seconds=1))
    assert not clock.admits()
    clock.later(timedelta(seconds=1))
    assert clock.admits()
