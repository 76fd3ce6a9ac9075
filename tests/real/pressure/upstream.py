"""An upstream system that hands tickets in by HTTP, as fast as it gets or at a pace; as a process of its own, a flood.

`python -m tests.real.pressure.upstream URL KEY CLIENTS SECONDS` prints a JSON object: see `Heard`.
"""

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import quantiles

import httpx
import orjson

ACCEPTED, SHED = 202, 429


@dataclass
class Heard:
    """What the gateway answered."""

    cases: list[str] = field(default_factory=list)
    """Of accepted tickets."""
    seconds: list[float] = field(default_factory=list)
    """Until each was accepted."""
    statuses: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    """Of what was turned away."""
    unsaid: int = 0
    """Turned away without saying when to come again."""

    @property
    def p50(self) -> float:
        return quantiles(self.seconds, n=100)[49]

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100)[98]


async def hand_in(http: httpx.AsyncClient, name: str, heard: Heard) -> None:
    """One ticket, once."""
    body = {"ticket": name, "customer": "mia", "text": f"{name}: my lamp is dark."}
    began = time.perf_counter()
    try:
        answer = await http.post("/v1/tickets", json=body, headers={"idempotency-key": name})
    except httpx.TimeoutException:
        heard.statuses["timeout"] += 1
        return
    heard.statuses[str(answer.status_code)] += 1
    if answer.status_code == ACCEPTED:
        heard.cases.append(answer.json()["case"])
        heard.seconds.append(time.perf_counter() - began)
    elif answer.status_code == SHED:
        heard.details[answer.json()["detail"]] += 1
        heard.unsaid += not answer.headers.get("retry-after", "").isdecimal()


def client(url: str, key: str, connections: int = 10) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    headers = {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=30, limits=limits)


async def paced(url: str, key: str, name: str, count: int, every: float) -> Heard:
    """`count` tickets, one each `every` seconds, whether those before were answered or not."""
    heard = Heard()
    async with client(url, key) as http, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(hand_in(http, f"{name}-{number}", heard))
            await asyncio.sleep(every)
    return heard


async def flood(url: str, key: str, clients: int, seconds: float) -> Heard:
    """As much as `clients` at once get through, none of which waits when it is turned away."""
    heard, until = Heard(), time.monotonic() + seconds

    async def one(http: httpx.AsyncClient, name: str) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            await hand_in(http, f"{name}-{number}", heard)

    async with client(url, key, clients) as http, asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(one(http, f"flood-{number}"))
    return heard


async def flooded(url: str, key: str, clients: int, seconds: float) -> Heard:
    """A flood out of a process of its own."""
    command = (sys.executable, "-m", "tests.real.pressure.upstream", url, key, str(clients), str(seconds))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), seconds + 60)
    assert process.returncode == 0
    said = orjson.loads(out)
    return Heard(**{**said, "statuses": Counter(said["statuses"]), "details": Counter(said["details"])})


if __name__ == "__main__":
    address, secret, at_once, how_long = sys.argv[1:]
    found = asyncio.run(flood(address, secret, int(at_once), float(how_long)))
    sys.stdout.buffer.write(orjson.dumps(vars(found)))
