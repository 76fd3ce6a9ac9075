"""What operators do with dead letters: put them back, or drop them. No letter stops another.

Both are safe to repeat: what was put back leaves no letter to put back again, and a message that is let in twice is
known by its id.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic

import structlog

from aivis.errors import Invalid
from aivis.mailbox import metrics
from aivis.mailbox.letters import Became, Fate, Outcome, Wanted
from aivis.mailbox.mailbox import Mailbox
from aivis.mailbox.values import Letter

log = structlog.get_logger()

_LOOK_SECONDS = 0.1
_Event = tuple[str, str]
"""Tenant and id."""
_STANDS = {Fate.PENDING: Outcome.WAITING, Fate.DONE: Outcome.DONE, Fate.DEAD: Outcome.BURIED, None: Outcome.DONE}


class Mending:
    """Mends the dead letters of one service."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._store = mailbox.store

    async def retry(self, ids: Sequence[int], *, seconds: float = 0) -> list[Became]:
        """Put letters back, one after the other, and see for up to `seconds` what becomes of their messages."""
        begun = [await self._put_back(id) for id in dict.fromkeys(ids)]
        self._mailbox.wake()
        became = await self._followed(begun, until=monotonic() + seconds)
        for each in became:
            metrics.RETRIED.labels(self._mailbox.service, each.outcome.value).inc()
        return became

    async def drop(self, ids: Sequence[int], *, by: str) -> list[Became]:
        """Delete letters for good, and leave a trace of each in the log. `by`: who does it, as far as they say."""
        wanted = list(dict.fromkeys(ids))
        dropped = {each.id: each for each in await self._store.drop(wanted)}
        for each in dropped.values():
            metrics.DROPPED.labels(self._mailbox.service, each.kind.value).inc()
            log.warning(
                "dead letter dropped",
                service=self._mailbox.service, letter=each.id, kind=each.kind.value, by=by, tenant=each.tenant,
                case=each.key, id=each.event_id, topic=each.topic, bytes=each.size, reason=each.reason,
            )  # fmt: skip
        return [Became(id, Outcome.DROPPED if id in dropped else Outcome.GONE) for id in wanted]

    async def _put_back(self, id: int) -> tuple[Became, _Event | None]:
        """What became of the letter, and the message to follow. It is taken out last, so that it is never nowhere."""
        letter = await self._store.letter(id)
        if letter is None:
            return Became(id, Outcome.GONE), None
        try:
            event = (letter.tenant, letter.event_id) if letter.event_id else await self._let_in(letter)
        except Invalid as error:
            return Became(id, Outcome.STILL_BAD, str(error)), None
        if not await self._store.retry([id]):
            return Became(id, Outcome.GONE), None
        log.info("dead letter put back", service=self._mailbox.service, letter=id, case=letter.key, id=letter.event_id)
        return Became(id, Outcome.DONE, "" if event else "it is nothing to this service any more"), event

    async def _let_in(self, letter: Letter) -> _Event | None:
        arrival = await self._mailbox.let_back(letter)
        return None if arrival is None else (arrival.key.tenant, arrival.event_id)

    async def _followed(self, begun: Sequence[tuple[Became, _Event | None]], *, until: float) -> list[Became]:
        events = [event for _, event in begun if event is not None]
        while True:
            fates = dict(zip(events, await self._store.fates(events), strict=True)) if events else {}
            left = until - monotonic()
            if left <= 0 or Fate.PENDING not in fates.values():
                break
            await asyncio.sleep(min(_LOOK_SECONDS, left))
        return [became if event is None else await self._stands(became, event, fates[event]) for became, event in begun]

    async def _stands(self, became: Became, event: _Event, fate: Fate | None) -> Became:
        outcome = _STANDS[fate]
        if outcome is Outcome.BURIED:
            tenant, id = event
            for new in await self._store.letters(Wanted(tenant=tenant, event=id), limit=1):
                return Became(became.id, outcome, new.reason, new.id)
        return became._replace(outcome=outcome)
