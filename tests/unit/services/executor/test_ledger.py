from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aivis.errors import Refused
from aivis.events.actions import ApprovalDenied, ApprovalGranted, FailureKind, Settlement
from services.executor.ledger import Entry, Outcome, State
from tests.unit.services.executor.making import ACTION, START, approved, denial, entry, grant, in_intent, waiting

TOOLS = ("test.dedupes", "test.lookup", "test.neither")


class Ledger(RuleBasedStateMachine):
    """Every command in any order; the world is a counter of effects that may have happened."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = entry("test.lookup")
        self.now = START
        self.path: list[State] = [State.PROPOSED]
        self.grants = 0
        self.may_have_acted = False

    def _try(self, change: Callable[[], Entry]) -> bool:
        try:
            self.entry = change()
        except Refused:
            return False
        if self.entry.state is not self.path[-1]:
            self.path.append(self.entry.state)
        return True

    @rule(seconds=st.integers(1, 20_000))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.entry.state is State.PROPOSED)
    @rule()
    def policy_asks_for_a_word(self) -> None:
        self._try(lambda: waiting(self.entry))

    @rule()
    def policy_allows(self) -> None:
        self._try(lambda: approved(self.entry))

    @rule(right=st.booleans(), late=st.booleans(), number=st.integers(0, 3))
    def an_expert_grants(self, right: bool, late: bool, number: int) -> None:
        word = grant(self.entry.digest if right else "0" * 64, expires_at=self.now + timedelta(hours=-1 if late else 1))
        assert isinstance(word.data, ApprovalGranted)
        data = word.data
        counted = self._try(lambda: self.entry.granted(data, f"grant-{number}", self.now))
        assert not counted or (right and not late)
        self.grants += counted

    @rule(right=st.booleans())
    def an_expert_denies(self, right: bool) -> None:
        word = denial(self.entry.digest if right else "0" * 64)
        assert isinstance(word.data, ApprovalDenied)
        data = word.data
        assert not self._try(lambda: self.entry.denied(data)) or right

    @rule()
    def the_call_is_about_to_be_made(self) -> None:
        if self._try(lambda: self.entry.intended(self.now)):
            self.may_have_acted = True
            assert self.entry.approval is None or self.now < self.entry.approval.expires_at

    @rule()
    def nobody_knows(self) -> None:
        self._try(lambda: self.entry.doubted(self.now))

    @rule()
    def nothing_was_done(self) -> None:
        if self.entry.state is State.INTENT:
            self._try(self.entry.nothing_done)
            self.may_have_acted = False

    @rule()
    def it_is_done(self) -> None:
        self._try(lambda: self.entry.done(Outcome(result={"done": True})))

    @rule()
    def it_fails(self) -> None:
        if self._try(lambda: self.entry.failed(FailureKind.REFUSED, "no")):
            self.may_have_acted = False

    @rule()
    def people_are_asked(self) -> None:
        self._try(lambda: self.entry.ambiguous("who knows"))

    @rule(happened=st.booleans())
    def an_expert_settles(self, happened: bool) -> None:
        self._try(lambda: self.entry.settled(Settlement(action=ACTION, expert="eva", happened=happened)))

    @invariant()
    def it_survives_being_stored(self) -> None:
        assert Entry.load(self.entry.dump()) == self.entry

    @invariant()
    def done_comes_from_intent_alone(self) -> None:
        if State.DONE in self.path:
            assert self.path[self.path.index(State.DONE) - 1] is State.INTENT

    @invariant()
    def an_approval_counts_once(self) -> None:
        assert self.grants <= 1
        if State.WAITING in self.path and State.INTENT in self.path:
            assert self.grants == 1

    @invariant()
    def what_is_in_doubt_is_never_called_failed(self) -> None:
        assert not (self.entry.state is State.FAILED and self.entry.doubtful)

    @invariant()
    def what_is_over_stays_over(self) -> None:
        for state in (State.DONE, State.FAILED, State.RESOLVED):
            assert state not in self.path[:-1]

    @invariant()
    def a_resource_is_named_while_it_may_be_acted_upon(self) -> None:
        if self.entry.state in (State.INTENT, State.AMBIGUOUS):
            assert self.entry.held == ("resource:i-1",)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("tool", TOOLS)
def test_an_effect_cannot_be_done_without_an_intent(tool: str) -> None:
    with pytest.raises(Refused, match="no call that could be done"):
        approved(entry(tool)).done(Outcome())


def test_a_read_is_done_without_an_intent() -> None:
    assert approved(entry("test.read")).done(Outcome()).state is State.DONE


def test_a_read_that_used_an_approval_passes_through_intent() -> None:
    asked = waiting(entry("test.read"))
    granted = asked.granted(grant(asked.digest).data, "g", START)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        granted.done(Outcome())
    assert granted.intended(START).done(Outcome()).state is State.DONE


def test_an_action_in_doubt_cannot_be_called_failed() -> None:
    with pytest.raises(Refused, match="may have been done"):
        in_intent("test.dedupes").doubted(START).failed(FailureKind.REFUSED, "no")


def test_the_first_call_in_doubt_is_remembered_until_it_is_known_to_have_done_nothing() -> None:
    later = START + timedelta(minutes=1)
    again = in_intent("test.dedupes").doubted(START).intended(later)
    assert (again.first_called_at, again.called_at, again.tries) == (START, later, 2)
    fresh = again.nothing_done().intended(later + timedelta(minutes=1))
    assert fresh.first_called_at == later + timedelta(minutes=1)


def test_a_grant_expires_at_the_earlier_of_what_was_asked_and_what_was_given() -> None:
    asked = waiting(entry())
    soon = START + timedelta(minutes=1)
    granted = asked.granted(grant(asked.digest, expires_at=soon).data, "g", START)  # type: ignore[arg-type]
    assert granted.approval is not None
    assert granted.approval.expires_at == soon
    with pytest.raises(Refused, match="no approval that counts"):
        granted.intended(soon)


def test_the_digest_is_of_tool_arguments_tenant_and_case() -> None:
    base = entry().digest
    assert entry().digest == base
    assert entry(customer="other").digest == base
    others = [entry("test.lookup"), entry(arguments={"id": "i-2"}), entry(undoes="x")]
    assert base not in {other.digest for other in others}


def test_an_empty_value_in_a_result_survives_being_stored() -> None:
    done = in_intent("test.dedupes").done(Outcome(result={"held_by": None, "list": [None], "flag": False}))
    assert Entry.load(done.dump()).outcome == done.outcome
