"""The effect ledger: the states of an action, and the only ways from one to the next.

    PROPOSED -> [WAITING ->] APPROVED -> INTENT -> DONE | FAILED | AMBIGUOUS -> RESOLVED

INTENT is durable before an effect is called. Whoever finds an action there knows that it may have been done.
Pure: every change gives a new entry; one that the present state does not allow raises `Refused`.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from aivis.errors import Refused
from aivis.events.actions import ActionRequested, ApprovalDenied, ApprovalGranted, FailureKind, Settlement
from aivis.events.envelope import Event, JsonObject, Value
from aivis.events.tickets import Artifact
from aivis.toolkit.declaration import Repeat, Risk
from services.executor import parameters

MAX_MESSAGE = 2_000
"""Characters of a message to people."""


class State(StrEnum):
    PROPOSED = "PROPOSED"
    WAITING = "WAITING"
    """For an expert's word."""
    APPROVED = "APPROVED"
    """By policy, or by an expert; not under way: it has not begun, or it is known that nothing was done."""
    INTENT = "INTENT"
    DONE = "DONE"
    FAILED = "FAILED"
    """Without an effect."""
    AMBIGUOUS = "AMBIGUOUS"
    """Only a person, or a later look, can tell."""
    RESOLVED = "RESOLVED"
    """It was told."""


_NEXT: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.WAITING, State.APPROVED, State.FAILED}),
    State.WAITING: frozenset({State.APPROVED, State.FAILED}),
    State.APPROVED: frozenset({State.WAITING, State.APPROVED, State.INTENT, State.DONE, State.FAILED}),
    State.INTENT: frozenset({State.INTENT, State.APPROVED, State.DONE, State.FAILED, State.AMBIGUOUS}),
    State.AMBIGUOUS: frozenset({State.RESOLVED}),
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
    State.RESOLVED: frozenset(),
}
OVER = frozenset(state for state, after in _NEXT.items() if not after)


class Terms(Value):
    """What the tool declared when the action was authorised: by this it is settled, whatever is declared later."""

    version: str
    risk: Risk
    repeat: Repeat
    timeout: timedelta
    dedupe_window: timedelta
    settling_time: timedelta
    resource: str = ""
    """The resource acted upon; empty for reads."""
    undo: bool = False
    """The call is an Undo of an earlier one."""


class Approval(Value):
    """An expert's word that policy asks for."""

    reason: str
    expires_at: datetime
    """After this nobody may give it, and what was given does not count."""
    expert: str = ""
    event: str = ""
    """Id of the event that gave it."""


class Outcome(Value):
    """How the action ended."""

    result: JsonObject | None = None
    artifact: Artifact | None = None
    note: str = ""
    failure: FailureKind | None = None
    message: str = ""
    seconds: float = 0
    settled_by: str = ""
    """The expert, or "lookup"."""


def undo_name(action: str) -> str:
    """What the one undo of `action` holds."""
    return f"undo:{action}"


class Entry(Value):
    """An action in the ledger."""

    state: State = State.PROPOSED
    tenant: str
    case: str
    event: str
    """Id of the event that asked for it."""
    traceparent: str | None = None
    request: ActionRequested
    digest: str
    """Of the complete parameters."""
    since: datetime
    """Since when it could be carried out; retries are bounded from here."""
    terms: Terms | None = None
    approval: Approval | None = None
    tries: int = 0
    calls: int = 0
    """How often the tool was called, or may have been."""
    called_at: datetime | None = None
    """Start of the latest call of an effect."""
    first_called_at: datetime | None = None
    """Start of the earliest call of which it is not known that it did nothing."""
    doubted_at: datetime | None = None
    """Since when it is not known what became of it."""
    looks: int = 0
    """Lookups after people were told."""
    outcome: Outcome | None = None
    restored: str = ""
    """The latest restoration of the database, of those that this action could be older than, that is dealt with."""

    @classmethod
    def proposed(cls, event: Event, request: ActionRequested, now: datetime) -> Self:
        return cls(
            tenant=event.tenant,
            case=event.case,
            event=event.id,
            traceparent=event.traceparent,
            request=request,
            digest=parameters.digest(event.tenant, event.case, request),
            since=now,
        )

    @classmethod
    def load(cls, state: bytes) -> Self:
        return cls.model_validate_json(state)

    def dump(self) -> bytes:
        return self.model_dump_json(exclude_none=True, exclude_defaults=True).encode()

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def is_effect(self) -> bool:
        return self.terms is not None and self.terms.risk is not Risk.READ

    @property
    def guarded(self) -> bool:
        """Whether it must pass through INTENT: effects, and whatever uses up an approval."""
        return self.is_effect or self.approval is not None

    @property
    def doubtful(self) -> bool:
        """Whether an earlier call may have been done."""
        return self.doubted_at is not None

    @property
    def happened(self) -> bool:
        """Whether it is known to have been done."""
        ended = self.state in (State.DONE, State.RESOLVED)
        return ended and self.outcome is not None and self.outcome.failure is None

    @property
    def held(self) -> tuple[str, ...]:
        """The names it holds from INTENT until it is settled: its resource, and as an undo what it reverses."""
        if self.terms is None or not self.terms.resource:
            return ()
        resource = f"resource:{self.terms.resource}"
        return (resource, undo_name(self.request.undoes)) if self.request.undoes else (resource,)

    @property
    def freed(self) -> tuple[str, ...]:
        """The names that nobody needs to be kept off now. What was undone once stays named: it is not undone again."""
        if self.state in (State.INTENT, State.AMBIGUOUS):
            return ()
        return self.held[:1] if self.happened else self.held

    def waiting(self, terms: Terms, reason: str, expires_at: datetime) -> Self:
        return self._to(State.WAITING, terms=terms, approval=Approval(reason=reason, expires_at=expires_at))

    def granted(self, grant: ApprovalGranted, event: str, now: datetime) -> Self:
        """An expert allows it. The word counts for exactly these parameters, in time, once."""
        approval = self._awaited("approval", grant.digest)
        expires_at = min(approval.expires_at, grant.expires_at)
        if now >= expires_at:
            raise Refused(f"action {self.request.action}: the approval by {grant.expert} expired at {expires_at}")
        update = {"expert": grant.expert, "event": event, "expires_at": expires_at}
        return self._to(State.APPROVED, approval=approval.model_copy(update=update), since=now)

    def denied(self, denial: ApprovalDenied) -> Self:
        self._awaited("denial", denial.digest)
        return self.failed(FailureKind.FORBIDDEN, f"denied by {denial.expert}: {denial.reason or 'no reason given'}")

    def expired(self) -> Self:
        assert self.approval is not None
        return self.failed(FailureKind.FORBIDDEN, f"the approval expired at {self.approval.expires_at}: ask anew")

    def approved(self, terms: Terms) -> Self:
        """Policy lets it run on these terms. Where an expert's word is awaited, only `granted` leads on."""
        if self.state is State.WAITING:
            raise Refused(f"action {self.request.action} waits for an expert's word")
        return self._to(State.APPROVED, terms=terms)

    def intended(self, now: datetime) -> Self:
        """It is about to be called. An approval counts until it expires."""
        if self.approval is not None and (not self.approval.expert or now >= self.approval.expires_at):
            raise Refused(f"action {self.request.action}: no approval that counts")
        first = (self.doubtful and self.first_called_at) or now
        counted = {"tries": self.tries + 1, "calls": self.calls + 1}
        return self._to(State.INTENT, **counted, called_at=now, first_called_at=first)

    def doubted(self, now: datetime) -> Self:
        """It was called, and what became of it is not known."""
        return self if self.doubtful else self._from_intent(State.INTENT, doubted_at=now)

    def nothing_done(self) -> Self:
        """It is known that no call had an effect: it may be called anew."""
        return self._from_intent(State.APPROVED, doubted_at=None, first_called_at=None)

    def called(self) -> Self:
        """A read is about to be called."""
        return self.model_copy(update={"calls": self.calls + 1})

    def recalled(self, state: State, **changes: Any) -> Self:
        """What the ledger said itself before its database was restored stands, whatever it holds now."""
        return self.model_copy(update={"state": state, "doubted_at": None, **changes})

    def perhaps_called(self, since: datetime, now: datetime, restoration: str) -> Self:
        """The database was restored, and lacks what came after `since`: it may have been called then, or not."""
        update = {"state": State.INTENT, "tries": self.tries + 1, "restored": restoration}
        return self.model_copy(update={**update, "called_at": now, "first_called_at": since, "doubted_at": now})

    def retried(self) -> Self:
        """A call that bore repeating is about to be made again."""
        return self.model_copy(update={"tries": self.tries + 1})

    def done(self, outcome: Outcome) -> Self:
        if self.guarded and self.state is not State.INTENT:
            raise Refused(f"action {self.request.action}: {self.state} has no call that could be done")
        return self._to(State.DONE, outcome=outcome, doubted_at=None)

    def failed(self, kind: FailureKind, message: str, *, seconds: float = 0) -> Self:
        if self.doubtful:
            raise Refused(f"action {self.request.action}: it may have been done, so it has not failed")
        return self._to(State.FAILED, outcome=Outcome(failure=kind, message=message[:MAX_MESSAGE], seconds=seconds))

    def ambiguous(self, message: str) -> Self:
        return self._to(State.AMBIGUOUS, outcome=Outcome(message=message[:MAX_MESSAGE]))

    def settled(self, settlement: Settlement) -> Self:
        """An expert says what became of it."""
        if self.state is not State.AMBIGUOUS:
            raise Refused(f"action {self.request.action} is {self.state}: there is nothing to settle")
        note = f"settled by {settlement.expert}: {settlement.note}".rstrip(": ")[:MAX_MESSAGE]
        if settlement.happened:
            return self.resolved(Outcome(note=note, settled_by=settlement.expert))
        message = f"nothing was done; {note}"[:MAX_MESSAGE]
        failure = FailureKind.UNAVAILABLE
        return self.resolved(Outcome(failure=failure, message=message, settled_by=settlement.expert))

    def resolved(self, outcome: Outcome) -> Self:
        return self._to(State.RESOLVED, outcome=outcome, doubted_at=None)

    def _awaited(self, what: str, digest: str) -> Approval:
        if self.state is not State.WAITING or self.approval is None:
            raise Refused(f"action {self.request.action} is {self.state}: it waits for no {what}; each counts once")
        if digest != self.digest:
            raise Refused(
                f"action {self.request.action}: the {what} is for other parameters (digest {digest}, not {self.digest})"
            )
        return self.approval

    def _from_intent(self, state: State, **changes: Any) -> Self:
        if self.state is not State.INTENT:
            raise Refused(f"action {self.request.action} is {self.state}: it was not called")
        return self._to(state, **changes)

    def _to(self, state: State, **changes: Any) -> Self:
        if state not in _NEXT[self.state]:
            raise Refused(f"action {self.request.action}: from {self.state} there is no way to {state}")
        return self.model_copy(update={"state": state, **changes})
