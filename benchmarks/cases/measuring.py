"""Measures cases: what one costs, and how long it takes, alone and under a moderate load.

The machine's own limit of a case's CPU is what its events and steps take at least, at the prices measured in the same
run: bare aiokafka an event, bare group commit a step. Of its seconds it is the time of as many bare messages, one
after another, as lie between ticket and outcome.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from statistics import median, quantiles

import orjson

from aivis.access import fingerprint
from aivis.cli.children import free_ports
from benchmarks.cases.stack import SERVICES
from benchmarks.cases.upstream import Upstream, listening
from benchmarks.children import Child, child
from benchmarks.figures import Figure
from benchmarks.hop.measuring import Round
from benchmarks.message import seconds_per_message
from benchmarks.stacks import Stack, from_now_on

ALONE, LOADED = 12, 60
"""Cases: one after another, and at `RATE`."""
RATE = 4.0
"""Cases a second of the moderate load."""
_WARM = 6
_CROSSINGS = 6
"""Messages between ticket and outcome: ticket, plan request, plan, action, result, outcome."""
_DESK = Path(__file__).parent / "desk"
_TENANT, _SOURCE = "acme", "desk"


@dataclass(frozen=True)
class Load:
    """What some cases took."""

    cpu: float
    """CPU microseconds of the services and the tool server a case."""
    steps: float
    """Commits a case."""
    published: float
    """Events a case."""
    seconds: Sequence[float]
    """Of each case, from acceptance to outcome."""

    @property
    def p50(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[98]


async def measure(stack: Stack, limits: Round) -> list[Figure]:
    """The figures of cases on `stack`, where an event and a step cost `limits` at least."""
    async with _standing(stack) as (services, upstream):
        await _alone(services, upstream, "warm", _WARM)
        alone = await _alone(services, upstream, "alone", ALONE)
        loaded = await _loaded(services, upstream, LOADED)
        message = await seconds_per_message(stack)
    at_rate = f"at {RATE:g} a second"
    return [
        _cpu(stack, loaded, limits),
        *_seconds(stack, "alone", alone, message),
        *_seconds(stack, at_rate, loaded, message),
    ]


def _cpu(stack: Stack, load: Load, limits: Round) -> Figure:
    return Figure(
        name="CPU of a case",
        stack=stack.name,
        value=load.cpu / 1000,
        unit="ms",
        limit=(load.published * limits.relay + load.steps * limits.commit) / 1000,
        limit_is=f"{load.published:.0f} bare messages + {load.steps:.0f} bare commits",
        note="planner's embeddings included",
    )


def _seconds(stack: Stack, how: str, load: Load, message: float) -> list[Figure]:
    limit_is = f"{_CROSSINGS} bare messages, one after another"
    return [
        Figure(
            name=f"{which} of a case {how}",
            stack=stack.name,
            value=value,
            unit="s",
            limit=_CROSSINGS * message,
            limit_is=limit_is,
        )
        for which, value in (("p50", load.p50), ("p99", load.p99))
    ]


async def _alone(services: Child, upstream: Upstream, run: str, count: int) -> Load:
    """One case after another."""

    async def work() -> list[float]:
        return [await _case(upstream, run, number) for number in range(count)]

    return await _load(services, asyncio.create_task(work()))


async def _loaded(services: Child, upstream: Upstream, count: int) -> Load:
    """`RATE` cases a second, whether the ones before have ended or not."""

    async def work() -> list[float]:
        cases = []
        for number in range(count):
            cases.append(asyncio.create_task(_case(upstream, "loaded", number)))
            await asyncio.sleep(1 / RATE)
        return await asyncio.gather(*cases)

    return await _load(services, asyncio.create_task(work()))


async def _case(upstream: Upstream, run: str, number: int) -> float:
    async with asyncio.timeout(60):
        return await upstream.case(f"{os.getpid()}-{run}-{number}", f"Hello, my lamp L{1000 + number} is dark.")


async def _load(services: Child, work: "asyncio.Task[list[float]]") -> Load:
    before = await services.ask()
    seconds = await work
    await asyncio.sleep(0.5)  # the outcome is out before its step is done with
    after = await services.ask()
    cpu, steps, published = ((after[name] - before[name]) / len(seconds) for name in ("cpu", "steps", "published"))
    return Load(cpu * 1e6, steps, published, seconds)


@asynccontextmanager
async def _standing(stack: Stack) -> AsyncIterator[tuple[Child, Upstream]]:
    key = token_urlsafe(16)
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    await from_now_on(stack, SERVICES)
    journal = str(stack.folder / "journal.db")
    async with child("benchmarks.cases.stack", journal, environment=_environment(stack, ports, key)) as services:
        await services.ask()
        async with listening(stack, f"http://127.0.0.1:{ports['gateway']}", key) as upstream:
            yield services, upstream


def _environment(stack: Stack, ports: dict[str, int], key: str) -> dict[str, str]:
    grant = {"name": _SOURCE, "role": "upstream", "tenants": [_TENANT], "source": _SOURCE, "sha256": fingerprint(key)}
    return {
        **stack.environment,
        "AIVIS_DOMAIN": str(_DESK),
        "AIVIS_GATEWAY_SOURCES": orjson.dumps({_SOURCE: _TENANT}).decode(),
        "AIVIS_GATEWAY_KEYS": orjson.dumps([grant]).decode(),
        "AIVIS_PLANNER_CACHE": str(stack.folder / "cache"),
        **{f"AIVIS_{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
