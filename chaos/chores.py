"""What people do meanwhile: experts answer and settle, operators stop and go on, writers write, fools send rubbish."""

import asyncio
import itertools
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from aivis import topics
from aivis.cli.client import Client
from aivis.errors import AivisError
from chaos.rack import lamps
from chaos.stack import TENANTS, Stack

_EVERY_SECONDS = 1.0
_RUBBISH = (b"", b"\xff\xfe\x00", b"{", b'{"a":' * 500, b"[]")
_TOPICS = 4
"""Of those that services read, how many get rubbish at a time."""
_READ = [topic.name for topic in topics.TOPICS if topic.consumers]


class Chores:
    """Does a little of everything, again and again; what fails is tried another time."""

    def __init__(self, stack: Stack, *, seed: int) -> None:
        self._stack = stack
        self._dice = random.Random(seed)
        self._expert = stack.client(TENANTS[0])

    async def until(self, stop: asyncio.Event) -> None:
        """Keep going until `stop`."""
        for number in itertools.count():
            if stop.is_set():
                return
            for chore in (self._answer, self._settle, self._stop_and_go_on, self._publish_page(number)):
                with suppress(AivisError):
                    await asyncio.to_thread(chore)
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(self._send_rubbish(number), 5)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)

    def _answer(self) -> None:
        """An expert answers one of the customers that wait."""
        run = self._expert.run
        waiting = self._expert.get(run.escalation, "/v1/escalations", status="open")["escalations"]
        if waiting:
            case = self._dice.choice(waiting)["case"]
            self._expert.post(run.escalation, f"/v1/escalations/{case}/answer", {"text": "It is mended now."})

    def _settle(self) -> None:
        """An expert has looked at a lamp of which the agent does not know what became."""
        run = self._expert.run
        unsettled: list[dict[str, Any]] = self._expert.get(run.escalation, "/v1/approvals")["unsettled"]
        for action in unsettled[:1]:
            happened = any(act.key == action["action"] for act in lamps.read(self._stack.acts))
            self._expert.post(run.escalation, f"/v1/approvals/{action['action']}/settle", {"happened": happened})

    def _stop_and_go_on(self) -> None:
        """An operator stops and freezes a tool that nobody needs, and lets it run again."""
        executor, stop = self._expert.run.executor, {"tool": "rack.none"}
        self._expert.post(executor, "/v1/stops", stop)
        self._expert.delete(executor, "/v1/stops", stop)
        freeze = self._expert.post(executor, "/v1/freezes", {**stop, "ends": "2126-01-01T00:00:00Z", "reason": "drill"})
        self._expert.delete(executor, "/v1/freezes", {"id": freeze["id"]})

    def _publish_page(self, number: int) -> Callable[[], None]:
        def publish() -> None:
            client: Client = self._stack.client(TENANTS[number % len(TENANTS)])
            text = f"# Plugs\n\nA plug fits one way only. This is edition {number}."
            page = {
                "document": "plugs",
                "title": "Plugs",
                "text": text,
                "source": "plugs.md",
                "language": "en",
                "media_type": "text/markdown",
            }
            client.put(client.run.retriever, f"/v1/tenants/{client.run.tenant}/documents/plugs", page)

        return publish

    async def _send_rubbish(self, number: int) -> None:
        """Bytes that nobody can read, onto some of the topics in turn; the key is a case that may be there."""
        producer = AIOKafkaProducer(bootstrap_servers=self._stack.run.kafka)
        await producer.start()
        try:
            for place in range(number * _TOPICS, (number + 1) * _TOPICS):
                await producer.send_and_wait(_READ[place % len(_READ)], self._dice.choice(_RUBBISH), key=b"alpha/none")
        finally:
            await producer.stop()
