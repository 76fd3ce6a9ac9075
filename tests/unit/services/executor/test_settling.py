from datetime import timedelta

from services.executor.ledger import Entry
from services.executor.settling import MAX_TRIES, AskPeople, CallAgain, LookUp, Move, Wait, next_move
from tests.unit.services.executor.making import START, in_intent

PATIENCE = timedelta(minutes=10)


def after(tool: str, seconds: float, **changes: object) -> Move:
    doubted = in_intent(tool).doubted(START).model_copy(update=changes)
    return next_move(doubted, START + timedelta(seconds=seconds), PATIENCE)


def test_a_tool_that_dedupes_is_called_again_after_a_pause() -> None:
    assert isinstance(after("test.dedupes", 0), Wait)
    assert isinstance(after("test.dedupes", 1), CallAgain)


def test_a_tool_that_dedupes_is_not_called_again_when_its_window_may_end_before_the_call_arrives() -> None:
    just_in_time, too_late = 3600 - 5 - 1, 3600 - 5
    doubted = in_intent("test.dedupes").doubted(START + timedelta(seconds=just_in_time - 10))
    assert isinstance(next_move(doubted, START + timedelta(seconds=just_in_time), PATIENCE), CallAgain)
    move = next_move(doubted, START + timedelta(seconds=too_late), PATIENCE)
    assert isinstance(move, AskPeople)
    assert "is over" in move.why


def test_a_lookup_waits_for_the_timeout_and_the_settling_time() -> None:
    move = after("test.lookup", 14)
    assert move == Wait(START + timedelta(seconds=5 + 10))
    assert isinstance(after("test.lookup", 15), LookUp)


def test_patience_with_a_lookup_begins_when_it_can_tell() -> None:
    entry: Entry = in_intent("test.lookup").doubted(START)
    at = START + timedelta(seconds=15)
    assert isinstance(next_move(entry, at + timedelta(seconds=5), timedelta(seconds=10)), LookUp)
    assert isinstance(next_move(entry, at + timedelta(seconds=11), timedelta(seconds=10)), AskPeople)


def test_a_tool_that_offers_neither_goes_to_people_at_once() -> None:
    assert isinstance(after("test.neither", 0), AskPeople)


def test_an_action_that_was_called_too_often_goes_to_people() -> None:
    move = after("test.dedupes", 100, tries=MAX_TRIES + 1)
    assert isinstance(move, AskPeople)
    assert "no clear answer" in move.why
