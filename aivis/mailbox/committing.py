"""Group commit: steps of different keys that are ready together commit together."""

import asyncio

from aivis.mailbox import metrics
from aivis.mailbox.gathering import Gathering
from aivis.mailbox.insisting import until_answered
from aivis.mailbox.ports import Store
from aivis.mailbox.publishing import Publisher
from aivis.mailbox.values import Verdict, Write


class GroupCommit:
    """Commits writes through `store`, all that wait at once; what they leave to publish goes to `publisher`."""

    def __init__(self, service: str, store: Store, publisher: Publisher) -> None:
        self._service = service
        self._store = store
        self._publisher = publisher
        self._gathering = Gathering(self._committed)

    def __call__(self, write: Write) -> "asyncio.Future[Verdict]":
        """The verdict on `write`; `Transient` when the database did not answer to the bound."""
        return self._gathering(write)

    async def _committed(self, writes: list[Write]) -> list[Verdict]:
        """Commit; when the reply is lost, blindly once more: the fence tells what was done before."""
        claim_seconds = self._publisher.claim_seconds
        verdicts, claimed = await until_answered(lambda: self._store.commit(writes, claim_seconds=claim_seconds))
        if left := sum(len(write.outbox) for write in writes):
            self._publisher.hand_over(claimed, of=left)
        for verdict in Verdict:
            metrics.STEPS.labels(self._service, verdict.value).inc(verdicts.count(verdict))
        return verdicts
