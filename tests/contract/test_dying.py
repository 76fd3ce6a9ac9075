"""A process is killed right behind a line that the next depends on: its successor ends what it began, once, in order.

Between receiving and working, between committing and publishing, between publishing and noting it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from aivis.mailbox.stores.opening import open_store
from tests.contract.dying import EVENTS, SHORT
from tests.integration.aivis.mailbox.stand import answer, first_places, running

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")


@pytest.mark.parametrize("line", ["receive", "commit", "send", "mark_sent"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_the_successor_ends_what_was_begun(tmp_path: Path, kind: str, line: str) -> None:
    if kind == "postgres" and not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    database = POSTGRES if kind == "postgres" else f"sqlite:{tmp_path}"
    name, file = f"dying_{uuid4().hex[:12]}", tmp_path / "sent"
    file.touch()
    try:
        argv = ["-m", "tests.contract.dying", database, name, line, str(file)]
        first = await asyncio.create_subprocess_exec(sys.executable, *argv)
        assert await asyncio.wait_for(first.wait(), 20) == -signal.SIGKILL
        before = file.read_text().split()
        assert bool(before) == (line in ("send", "mark_sent"))

        async with running(open_store(database, name), limits=SHORT) as stand:
            async with asyncio.timeout(10):
                await stand.quiet()
            sent = [*before, *stand.tape.ids()]
            for key in {each.case for each in EVENTS}:
                asked = [each for each in EVENTS if each.case == key]
                assert await stand.state(key) == [each.id for each in asked], "each was worked on once"
                of_key = {answer(each).event.id for each in asked}
                in_order = [answer(each).event.id for each in asked]
                assert first_places(id for id in sent if id in of_key) == in_order
            if line != "send":
                assert len(sent) == len(set(sent)), "what was noted or never sent goes out once"
    finally:
        if kind == "postgres":
            connection = await asyncpg.connect(POSTGRES)
            await connection.execute(f'drop schema if exists "aivis_{name}" cascade')
            await connection.close()
