"""What moves an action from one state of the ledger to the next: policy, the call, and what came of it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from aivis.errors import AivisError, Conflict, Invalid, NotFound, Refused, Transient, Unknown
from aivis.events.actions import FailureKind
from aivis.mailbox.turn import Pause, Turn
from aivis.mailbox.values import Step
from aivis.toolkit.declaration import Repeat
from services.executor import answers, metrics, results, settling
from services.executor.intending import Barred, intend
from services.executor.ledger import Entry, Outcome, State
from services.executor.means import Means
from services.executor.policy import Verdict
from services.executor.ports import Became, Found, TooLarge
from services.executor.preparing import Prepared, question
from services.executor.reading import counted
from services.executor.recalling import Doubt, to_hold, with_terms

log = structlog.get_logger()

_LOOKUP_AGAIN_SECONDS = 2
_CROWDED_SECONDS, _MOST_CROWDED_SECONDS = 0.5, 10
"""Between two looks whether a crowded tool has room: ever longer."""


@dataclass(frozen=True)
class Acting:
    """One turn at one action."""

    turn: Turn
    means: Means
    doubt: Doubt | None = None
    """Whether it may have been carried out before, which its entry does not tell."""

    async def recall(self, entry: Entry) -> Step:
        """Go on from where the ledger's own word of before its database was restored says that `entry` stood."""
        if entry.terms is None:
            entry = await with_terms(entry, self.turn, self.means)
        if entry.state is State.APPROVED:
            return await self.proceed(entry)
        if names := to_hold(entry):
            with suppress(Conflict):  # another in doubt has the name
                await self.turn.commit(Step(state=entry.dump(), label=entry.state.value, take=names))
        return self.end(entry)

    async def proceed(self, entry: Entry) -> Step:
        """The step that ends this turn; raises `Pause` when there is only to wait."""
        if entry.state is State.INTENT:
            return await self._settle(entry)
        due = entry.since + timedelta(seconds=entry.request.delay)
        if entry.state is State.PROPOSED and self.turn.now() < due:
            return await self._pause(entry, (due - self.turn.now()).total_seconds(), "it is asked for later")
        try:
            prepared = await self.means.prepare(entry)
        except Transient as error:
            return await self._later(entry, error)
        except (Invalid, NotFound, Refused) as error:
            return self._ended(entry, results.kind_of(error), str(error))
        return await self._authorise(entry, prepared)

    async def look_again(self, entry: Entry) -> Step:
        """Look once more what became of an effect that people were asked about."""
        if settling.left(entry, self.means.stopwatch.elapsed(self.turn.key)):
            return self._told_already(entry)
        entry = entry.model_copy(update={"looks": entry.looks + 1})
        try:
            prepared = await self.means.prepare(entry)
            found = await prepared.lookup()
        except AivisError as error:
            log.info("lookup failed", case=entry.case, action=entry.request.action, error=str(error))
            return self._told_already(entry)
        if found.became is Became.UNKNOWN:
            return self._told_already(entry)
        if found.became is Became.HAPPENED:
            outcome = await results.of_effect(found.result, prepared.read, entry.tenant, self.means.artifacts)
        else:
            message = f"looked up: {entry.request.tool} was not carried out"
            outcome = Outcome(failure=FailureKind.UNAVAILABLE, message=message)
        return self.end(entry.resolved(outcome.model_copy(update={"settled_by": "lookup"})))

    def end(self, entry: Entry) -> Step:
        """The step that records `entry` and tells of it."""
        metrics.count(entry)
        if entry.over:
            self.means.stopwatch.forget(self.turn.key)
        return answers.step(entry, self.turn.now(), reask=self.means.bounds.reask)

    def _told_already(self, entry: Entry) -> Step:
        step = answers.step(entry, self.turn.now())
        return Step(state=step.state, label=step.label, timers=step.timers)

    async def _authorise(self, entry: Entry, prepared: Prepared) -> Step:
        judgement = self.means.policies.judge(question(entry, prepared, self.means.autonomy))
        if judgement.verdict is Verdict.FORBID:
            return self._ended(entry, FailureKind.FORBIDDEN, judgement.reason, prepared)
        if entry.approval is not None:
            if entry.terms is None or entry.terms.version != prepared.terms.version:
                message = f"{entry.request.tool} changed after the approval was asked for: ask anew"
                return self._ended(entry, FailureKind.FORBIDDEN, message, prepared)
        elif judgement.verdict is Verdict.NEEDS_APPROVAL:
            return self._ask(entry, prepared, judgement.reason)
        if self.doubt is not None and prepared.tool.is_effect:
            return await self._perhaps_done(entry.approved(prepared.terms), prepared, self.doubt)
        return await self._carry_out(entry.approved(prepared.terms), prepared)

    def _ask(self, entry: Entry, prepared: Prepared, reason: str) -> Step:
        """Ask for an expert's word, without which it was never called; where that is not sure, they hear of it."""
        if self.doubt is not None and not self.doubt.restoration.whole:
            entry, reason = self.doubt.to_approve(entry), f"{reason}; {self.doubt.why}: allow it only if it was not"
        return self.end(entry.waiting(prepared.terms, reason, self.turn.now() + self.means.bounds.approval))

    def _ended(self, entry: Entry, kind: FailureKind, message: str, prepared: Prepared | None = None) -> Step:
        """It cannot be carried out now; whether it was before may be a question."""
        if self.doubt is None or (prepared is not None and not prepared.tool.is_effect):
            return self.end(entry.failed(kind, message))
        entry = entry if prepared is None else entry.model_copy(update={"terms": prepared.terms})
        return self.end(self.doubt.about(entry, self.turn.now()).ambiguous(f"{self.doubt.why}; now: {message}"))

    async def _perhaps_done(self, entry: Entry, prepared: Prepared, doubt: Doubt) -> Step:
        """Find out as after a crash; of what comes for the first time, and can be neither found out nor repeated, ask.

        The name that it held then it holds again, unless another in doubt has it.
        """
        if doubt.heard_at is None and prepared.terms.repeat is Repeat.NEITHER:
            return self._ask(entry, prepared, f"{entry.request.tool} can neither be repeated nor looked up")
        doubtful = doubt.about(entry, self.turn.now())
        try:
            await self.turn.commit(Step(state=doubtful.dump(), label=doubtful.state.value, take=doubtful.held))
        except Conflict:
            if self.turn.now() - entry.since <= self.means.bounds.busy:
                return await self._pause(entry, 0.5, f"another effect holds {entry.held[0]}")
            return self.end(doubtful.ambiguous(f"{doubt.why}; another effect on {entry.held[0]} is not settled either"))
        return await self._settle(doubtful)

    async def _settle(self, entry: Entry) -> Step:
        """An action found in INTENT: an earlier call may have been done."""
        now = self.turn.now()
        if not entry.is_effect:
            return await self._read_again(entry.nothing_done())
        entry = entry.doubted(now)
        elapsed = self.means.stopwatch.elapsed(self.turn.key)
        move = settling.next_move(entry, now, self.means.bounds.settle, elapsed)
        if isinstance(move, settling.AskPeople):
            why = move.why if self.doubt is None else f"{move.why}; {self.doubt.why}"
            return self.end(entry.ambiguous(why))
        if isinstance(move, settling.Wait):
            return await self._pause(entry, move.seconds, "what became of it shows later")
        prepared = await self._prepared_again(entry)
        if isinstance(prepared, Step):
            return prepared
        return await (self._look_up if isinstance(move, settling.LookUp) else self._carry_out)(entry, prepared)

    async def _prepared_again(self, entry: Entry) -> Prepared | Step:
        try:
            return await self.means.prepare(entry)
        except Transient as error:
            return await self._pause(entry, settling.backoff(entry.tries).total_seconds(), str(error))
        except (Invalid, NotFound, Refused) as error:
            return self.end(entry.ambiguous(f"it can no longer be called or looked up: {error}"))

    async def _read_again(self, entry: Entry) -> Step:
        """A read that an approval was used for: it bears repeating, unless it ends the process each time."""
        if entry.tries > settling.MAX_TRIES:
            return self.end(entry.failed(FailureKind.UNAVAILABLE, f"no answer in {entry.tries} tries"))
        return await self.proceed(entry)

    async def _look_up(self, entry: Entry, prepared: Prepared) -> Step:
        found = await self._found(entry, prepared)
        if isinstance(found, Step):
            return found
        if found.became is Became.UNKNOWN:
            return self.end(entry.ambiguous(f"{entry.request.tool} cannot tell by lookup whether it was carried out"))
        if found.became is Became.HAPPENED:
            return await self._received(entry, prepared, found.result, seconds=0)
        return await self._carry_out(entry.nothing_done(), prepared)

    async def _found(self, entry: Entry, prepared: Prepared) -> Found | Step:
        try:
            return await prepared.lookup()
        except TooLarge as error:
            return self.end(entry.done(results.without_result(error)))
        except (Transient, Unknown) as error:
            return await self._pause(entry, _LOOKUP_AGAIN_SECONDS, f"the lookup failed: {error}")
        except (Invalid, NotFound, Refused) as error:
            return self.end(entry.ambiguous(f"the lookup was refused: {error}"))

    async def _carry_out(self, entry: Entry, prepared: Prepared) -> Step:
        """Call the tool, if it is not crowded: who waits for it holds nothing that others need."""
        places = self.means.places(prepared.tool.name)
        if not places.take(entry.tenant):
            return await self._crowded(entry)
        try:
            return await self._called(entry, prepared)
        finally:
            places.leave(entry.tenant)

    async def _crowded(self, entry: Entry) -> Step:
        metrics.CROWDED.labels(entry.request.tool).inc()
        waited = (self.turn.now() - entry.since).total_seconds()
        message = f"as many calls of {entry.request.tool} are under way as may be at once"
        if entry.state is not State.INTENT and waited > self.means.bounds.busy.total_seconds():
            return self.end(entry.failed(FailureKind.UNAVAILABLE, f"{message}; waited {waited:.0f} s"))
        return await self._pause(entry, min(max(waited / 4, _CROWDED_SECONDS), _MOST_CROWDED_SECONDS), message)

    async def _called(self, entry: Entry, prepared: Prepared) -> Step:
        by = self.means.clock() + prepared.call.timeout.total_seconds()  # whoever settles it later counts from here too
        if entry.guarded:
            intended = await self._intend(entry)
            if isinstance(intended, Step):
                return intended
            entry = intended
        else:
            entry = await counted(self.turn, entry)
            if entry.over:
                return self.end(entry)
        start = self.means.clock()
        try:
            content = await prepared.make(by=by)
        except AivisError as error:
            return await self._unanswered(entry, error, self.means.clock() - start)
        return await self._received(entry, prepared, content, seconds=self.means.clock() - start)

    async def _unanswered(self, entry: Entry, error: AivisError, seconds: float) -> Step:
        """The call brought an error instead of a result; what it says decides."""
        if isinstance(error, TooLarge):
            return self._too_large(entry, error, seconds)
        if isinstance(error, Transient):
            return await self._nothing_done(entry, error)
        if isinstance(error, Unknown):
            log.warning("outcome unknown", case=entry.case, action=entry.request.action, error=str(error))
            return await (self._settle(entry) if entry.is_effect else self._later(entry, error))
        if entry.doubtful:
            return self.end(entry.ambiguous(f"an earlier call may have been carried out; the latest: {error}"))
        return self.end(entry.failed(results.kind_of(error), str(error), seconds=seconds))

    async def _intend(self, entry: Entry) -> Entry | Step:
        """Make durable that the call is about to be made; a step instead when it may not be."""
        now = self.turn.now()
        if entry.approval is not None and now >= entry.approval.expires_at:
            return self.end(entry.expired())
        intended = await intend(self.turn, entry, self.means.bounds)
        if isinstance(intended, Barred):
            return await self._barred(entry, intended)
        metrics.LEDGER.labels(State.INTENT.value).inc()
        self.means.stopwatch.called(self.turn.key, again=entry.doubtful)
        return intended

    async def _barred(self, entry: Entry, barred: Barred) -> Step:
        if barred.seconds is not None:
            return await self._pause(entry, barred.seconds, barred.message)
        if entry.doubtful:
            return self.end(entry.ambiguous(f"{barred.message}, so it may not be called again"))
        return self.end(entry.failed(barred.failure, barred.message))

    async def _nothing_done(self, entry: Entry, error: Transient) -> Step:
        """This call did nothing; an earlier one may have."""
        if entry.doubtful:
            return await self._pause(entry, settling.backoff(entry.tries).total_seconds(), str(error))
        return await self._later(entry if entry.state is not State.INTENT else entry.nothing_done(), error)

    async def _later(self, entry: Entry, error: AivisError) -> Step:
        """Nothing was done, or it bears repeating: try again, within the bound."""
        if self.turn.now() - entry.since > self.means.bounds.retry:
            message = f"tried {entry.tries + 1} times within {self.means.bounds.retry}; the last: {error}"
            return self.end(entry.failed(FailureKind.UNAVAILABLE, message))
        if not entry.guarded:
            entry = entry.retried()
        return await self._pause(entry, settling.backoff(entry.tries).total_seconds(), str(error))

    async def _pause(self, entry: Entry, seconds: float, why: str) -> Step:
        """Keep the entry as it is now, and come back."""
        state = entry.dump()
        if state != self.turn.state:
            await self.turn.commit(Step(state=state, label=entry.state.value, free=entry.freed))
        raise Pause(f"action {entry.request.action} ({entry.request.tool}): {why}", seconds=seconds)

    async def _received(self, entry: Entry, prepared: Prepared, content: bytes, *, seconds: float) -> Step:
        """The tool answered."""
        metrics.CALL_SECONDS.labels(prepared.tool.name).observe(seconds)
        take = results.of_effect if entry.is_effect else results.taken
        try:
            outcome = await take(content, prepared.read, entry.tenant, self.means.artifacts)
        except Invalid as error:
            return self.end(entry.failed(FailureKind.INVALID, str(error), seconds=seconds))
        except Transient as error:
            return await self._later(entry.nothing_done() if entry.guarded else entry, error)
        if outcome.note:
            log.error("result unusable", case=entry.case, action=entry.request.action, says=outcome.note)
        return self.end(entry.done(outcome.model_copy(update={"seconds": seconds})))

    def _too_large(self, entry: Entry, error: TooLarge, seconds: float) -> Step:
        if entry.is_effect:
            return self.end(entry.done(results.without_result(error)))
        return self.end(entry.failed(FailureKind.INVALID, str(error), seconds=seconds))
