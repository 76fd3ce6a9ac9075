from datetime import timedelta

import pytest

from aivis.mailbox.values import Key
from services.executor.ledger import Entry
from services.executor.settling import CLOCK_STEP, MAX_TRIES, AskPeople, CallAgain, LookUp, Move, Wait, next_move
from services.executor.stopwatch import Elapsed, Stopwatch
from tests.unit.services.executor.making import START, in_intent

PATIENCE = timedelta(minutes=10)
KEY = Key("acme", "action")


def since(seconds: float, *, ours: bool = True) -> Elapsed:
    """So long after the call; not `ours`, when another process had made it just before."""
    span = timedelta(seconds=seconds)
    return Elapsed(least=span, most=span if ours else None)


def after(tool: str, seconds: float, **changes: object) -> Move:
    doubted = in_intent(tool).doubted(START).model_copy(update=changes)
    return next_move(doubted, START + timedelta(seconds=seconds), PATIENCE, since(seconds))


def test_a_tool_that_dedupes_is_called_again_after_a_pause() -> None:
    assert isinstance(after("test.dedupes", 0), Wait)
    assert isinstance(after("test.dedupes", 1), CallAgain)


@pytest.mark.parametrize(("ours", "margin"), [(True, 0.0), (False, CLOCK_STEP.total_seconds())])
def test_a_tool_that_dedupes_is_not_called_again_when_its_window_may_end_before_the_call_arrives(
    ours: bool, margin: float
) -> None:
    just_in_time, too_late = 3600 - 5 - 1 - margin, 3600 - 5 - margin
    doubted = in_intent("test.dedupes").doubted(START + timedelta(seconds=just_in_time - 10))

    def move(seconds: float) -> Move:
        return next_move(doubted, START + timedelta(seconds=seconds), PATIENCE, since(seconds, ours=ours))

    assert isinstance(move(just_in_time), CallAgain)
    late = move(too_late)
    assert isinstance(late, AskPeople)
    assert "is over" in late.why


@pytest.mark.parametrize("step", [-600, 600])
@pytest.mark.parametrize("ours", [True, False])
def test_a_clock_that_is_set_opens_no_window_that_is_over(step: float, ours: bool) -> None:
    doubted = in_intent("test.dedupes").doubted(START + timedelta(seconds=3590))
    shown = START + timedelta(seconds=3600 + step)
    assert not isinstance(next_move(doubted, shown, PATIENCE, since(3600, ours=ours)), CallAgain)


@pytest.mark.parametrize("step", [-600, 600])
def test_a_clock_that_is_set_makes_no_lookup_early(step: float) -> None:
    doubted = in_intent("test.lookup").doubted(START)
    move = next_move(doubted, START + timedelta(seconds=14 + step), PATIENCE, since(14))
    assert move == Wait(1)


def test_a_lookup_waits_for_the_timeout_and_the_settling_time() -> None:
    assert after("test.lookup", 14) == Wait(1)
    assert isinstance(after("test.lookup", 15), LookUp)


def test_patience_with_a_lookup_begins_when_it_can_tell() -> None:
    entry: Entry = in_intent("test.lookup").doubted(START)
    at, patience = START + timedelta(seconds=15), timedelta(seconds=10)
    assert isinstance(next_move(entry, at + timedelta(seconds=5), patience, since(20)), LookUp)
    assert isinstance(next_move(entry, at + timedelta(seconds=11), patience, since(26)), AskPeople)


def test_a_tool_that_offers_neither_goes_to_people_at_once() -> None:
    assert isinstance(after("test.neither", 0), AskPeople)


def test_an_action_that_was_called_too_often_goes_to_people() -> None:
    move = after("test.dedupes", 100, tries=MAX_TRIES + 1)
    assert isinstance(move, AskPeople)
    assert "no clear answer" in move.why


def test_what_another_process_called_is_as_old_as_it_is_known_here_at_least_and_no_one_knows_how_old_at_most() -> None:
    seconds = 100.0
    watch = Stopwatch(lambda: seconds)
    assert watch.elapsed(KEY) == Elapsed(timedelta(0), None)
    seconds = 107.0
    assert watch.elapsed(KEY) == Elapsed(timedelta(seconds=7), None)
    watch.called(KEY, again=True)
    assert watch.elapsed(KEY) == Elapsed(timedelta(0), None)


def test_calls_of_ours_are_timed_from_the_first_in_doubt_and_from_the_latest() -> None:
    seconds = 100.0
    watch = Stopwatch(lambda: seconds)
    watch.called(KEY, again=False)
    seconds = 110.0
    watch.called(KEY, again=True)
    seconds = 111.0
    assert watch.elapsed(KEY) == Elapsed(timedelta(seconds=1), timedelta(seconds=11))
    watch.called(KEY, again=False)
    assert watch.elapsed(KEY).most == timedelta(0)
    watch.forget(KEY)
    assert watch.elapsed(KEY).most is None
