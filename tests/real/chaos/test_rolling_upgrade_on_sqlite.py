"""Every process gives way to another version's in the middle of cases, forth or back: all tickets end, none twice.

It needs no server, and stands here because it takes long: `make test` is to stay under ten minutes.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aivis.cli.children import Child, Children
from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES, broker, cloud, plan
from tests.integration.chaos.chaos import Stack
from tests.integration.chaos.versions import PLANTED, take_the_place, two_versions

TICKETS = ("T-101", "T-103", "T-105", "T-107", "T-110", "T-119", "T-128", "T-130", "T-131")


@asynccontextmanager
async def started(folder: Path, children: Children, forth: bool) -> AsyncIterator[tuple[Stack, Mapping[str, Child]]]:
    """A stack of the version before, and the later one's programs; the other way about when not `forth`."""
    with two_versions(folder) as versions:
        first, second = versions if forth else reversed(versions)
        run, ports = plan("acme", 0)
        programs = first.programs(run, ports, folder / "stack")
        successors = second.programs(run, ports, folder / "stack")
        try:
            await children.start_all([broker(run), cloud(run), *programs.values()])
            yield Stack(run, Client(run), programs, children), successors
        finally:
            await children.stop()


def _had(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    try:
        return {name for (name,) in connection.execute("select name from migrations")}
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("forth", [True, False], ids=["upgrade", "rollback"])
async def test_every_process_is_replaced_in_the_middle_of_cases_and_all_tickets_end_none_twice(
    tmp_path: Path, forth: bool
) -> None:
    dice = random.Random(4)
    replaced = []
    async with started(tmp_path, Children(tmp_path / "logs"), forth) as (stack, successors):
        names = [name for name in stack.programs if name in successors]
        dice.shuffle(names)
        await asyncio.gather(stack.set_up(TICKETS), stack.until_ready([name for name in names if name != "tools"]))
        waiting = list(stack.staged)
        dice.shuffle(waiting)
        for name in names:
            await stack.hand_in([waiting.pop() for _ in range(min(len(waiting), 1 + (len(waiting) > len(names))))])
            await stack.until_something_moves()
            await asyncio.sleep(dice.uniform(0, 0.4))
            replaced.append(await take_the_place(stack, successors[name]))
        await stack.children.start_all([program for name, program in successors.items() if name not in names])
        await stack.hand_in(waiting)
        await stack.until_ended(seconds=70)
        await stack.until_ready()
        assert {each.name: each.status for each in replaced} == dict.fromkeys(names, 0), "drained, not died"
        for each in replaced:
            assert each.open > 0, f"nothing was under way: {each}"
        await asyncio.sleep(3)  # whatever would come twice has had its time
        stack.check()
    files = sorted((tmp_path / "stack").rglob("*.db"))
    assert len(files) == len(SERVICES) + len(("figures", "index", "cloud's journal"))
    for file in files:
        assert any(PLANTED in name for name in _had(file)), f"{file} was never the later version's"
