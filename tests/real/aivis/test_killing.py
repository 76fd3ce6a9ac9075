"""A service that is killed at any moment, or told to stop: nothing is lost, nothing is done twice.

It needs no server, and stands here because it takes half a minute: `make test` is to stay under ten.
"""

import asyncio
import contextlib
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.integration.aivis.traffic import child, echoing, listening, producing, requests, send, until
from tests.integration.services.broker import running_broker

KEYS = 40


@pytest.mark.timeout(90)
async def test_killed_again_and_again_under_load_it_answers_everything_and_nothing_differently(tmp_path: Path) -> None:
    dice, kills = random.Random(11), []
    with running_broker() as broker:
        async with listening(broker) as answers, producing(broker) as producer:
            sent, enough = 0, asyncio.Event()

            async def load() -> None:
                nonlocal sent
                while not enough.is_set():
                    await send(producer, requests(KEYS, each=1, start=sent))
                    sent += 1
                    await asyncio.sleep(0.05)

            loading = asyncio.create_task(load())
            for turn in range(5):
                with child(broker, tmp_path, dawdle_ms=150, in_flight=15) as echo:
                    before = len(answers.came)
                    if turn == 0:  # from now on the inbox is never empty: there is work before the group is joined
                        await until(lambda: len(answers.came) > 5 * KEYS, seconds=30)
                    else:
                        await until(lambda before=before: len(answers.came) > before, seconds=30)  # type: ignore[misc]
                    await asyncio.sleep(dice.uniform(0, 1.0))
                    kills.append((len(answers.requests), sent * KEYS))
                    echo.signal(signal.SIGKILL)
                    assert await echo.ended() == -signal.SIGKILL
            enough.set()
            await loading
            assert all(done < asked for done, asked in kills), f"each kill hit work under way: {kills}"
            async with echoing(broker, tmp_path) as running:
                await until(lambda: len(answers.requests) >= sent * KEYS, seconds=40)
                assert await running.store.letters(limit=10) == []
            answers.check(KEYS, sent)


async def test_told_to_stop_it_ends_what_is_under_way_and_leaves_the_rest_to_the_next(tmp_path: Path) -> None:
    with running_broker() as broker:
        async with listening(broker) as answers, producing(broker) as producer:
            with child(broker, tmp_path, dawdle_ms=300, in_flight=20) as echo:
                await send(producer, requests(keys=400, each=2))
                await until(lambda: len(answers.came) > 0 and received(tmp_path) == 800, seconds=30)
                started = time.monotonic()
                echo.signal(signal.SIGTERM)
                assert await echo.ended() == 0
                assert time.monotonic() - started < 5
            assert len(answers.came) < 400, "there was more to do"
            async with echoing(broker, tmp_path):
                await until(lambda: len(answers.requests) == 800, seconds=30)
            answers.check(keys=400, each=2)
            assert len(answers.came) == 800, "after an orderly end nothing comes twice"


def received(folder: Path) -> int:
    """How many messages ever came into the inbox."""
    with contextlib.closing(sqlite3.connect(folder / "test.db", timeout=10)) as connection:
        [count] = connection.execute("select count(*) from inbox").fetchone()
        return int(count)
