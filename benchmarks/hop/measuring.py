"""Measures the hop and its limits, in rounds: service, then relay and group commit, one round after another."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

from aivis.topics import marker
from benchmarks.children import Child, child
from benchmarks.figures import Figure
from benchmarks.hop.events import SERVICE
from benchmarks.hop.group_commit import Postgres, Sqlite, cpu_per_job, jobs
from benchmarks.stacks import Stack, topics_of_our_own

ROUNDS = 9
EVENTS = 3_000
"""A round; at some thousand events a second."""
MUST, AIM = 2.5, 1.6


@dataclass(frozen=True)
class Round:
    """CPU microseconds an event."""

    service: float
    relay: float
    commit: float

    @property
    def limit(self) -> float:
        return self.relay + self.commit


@dataclass(frozen=True)
class Stand:
    """The processes, and the topics between them."""

    sender: Child
    relay: Child
    service: Child
    relayed: str
    served: str
    store: Sqlite | Postgres


async def measured(stack: Stack, *, rounds: int = ROUNDS, events: int = EVENTS) -> list[Round]:
    """Rounds on `stack`."""
    async with _standing(stack) as stand:
        await _round(stand, 0, events)  # joins the groups, fills caches
        return [await _round(stand, number, events) for number in range(1, rounds + 1)]


def typical(rounds: Sequence[Round]) -> Round:
    """The medians of `rounds`."""
    return Round(*(median(getattr(each, name) for each in rounds) for name in ("service", "relay", "commit")))


def figure(stack: Stack, rounds: Sequence[Round]) -> Figure:
    """The figure of the hop."""
    middle = typical(rounds)
    return Figure(
        name="CPU of a hop",
        stack=stack.name,
        value=middle.service,
        unit="us",
        limit=middle.limit,
        limit_is=f"bare aiokafka {middle.relay:.0f} + bare group commit {middle.commit:.0f}",
        judged=median(each.service / each.limit for each in rounds),
        must=MUST,
        aim=AIM,
    )


@asynccontextmanager
async def _standing(stack: Stack) -> AsyncIterator[Stand]:
    run = f"aivis-bench.{os.getpid()}"
    relayed, served, out = (f"{run}.{name}" for name in ("relayed", "served", "answers"))
    store = Sqlite(stack.folder / "bare.db") if stack.embedded else Postgres(stack.database)
    await store.open()
    async with AsyncExitStack() as open_:
        open_.push_async_callback(store.close)
        marked = marker(f"{SERVICE}-{served}").name
        await open_.enter_async_context(topics_of_our_own(stack, relayed, served, out, marked))
        service = child("benchmarks.hop.service", served, out, relayed, environment=stack.environment)
        served_by = await open_.enter_async_context(service)
        await served_by.ask(count=0)  # the topics are there now
        relay = await open_.enter_async_context(child("benchmarks.hop.relay", stack.kafka, relayed, out))
        sender = await open_.enter_async_context(child("benchmarks.hop.sender", stack.kafka))
        yield Stand(sender, relay, served_by, relayed, served, store)


async def _round(stand: Stand, number: int, events: int) -> Round:
    """Microseconds of round `number`, the rounds being counted from 0.

    The service first, then its limits, both at once: as the service does, so that caches and sibling cores are as busy.
    """
    service = await _cpu(stand, stand.service, stand.served, number, events)
    work = jobs(f"round-{number}", events)
    await stand.store.prepare(work)
    relay, commit = await asyncio.gather(
        _cpu(stand, stand.relay, stand.relayed, number, events), cpu_per_job(stand.store.commit, work)
    )
    return Round(service, relay, commit)


async def _cpu(stand: Stand, worker: Child, topic: str, number: int, events: int) -> float:
    """CPU microseconds that an event costs `worker`."""
    before = await worker.ask(count=number * events)
    done, _ = await asyncio.gather(
        worker.ask(count=(number + 1) * events),
        stand.sender.ask(topic=topic, count=events, run=f"{topic}-{number}"),
    )
    spent: float = done["cpu"] - before["cpu"]
    return spent / events * 1e6
