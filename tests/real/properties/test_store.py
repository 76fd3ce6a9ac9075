"""The store's machine at length, on both databases."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.mailbox_machine import StoreMachine
from tests.properties.places import Files, Schema
from tests.properties.playing import deep

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
EXAMPLES = {"sqlite": 120, "postgres": 40}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Files | Schema]:
    if request.param == "sqlite":
        yield Files(tmp_path)
        return
    if not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    schema = Schema(POSTGRES)
    yield schema
    runner.run(schema.drop())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_store_does_what_a_plain_model_does(place: Files | Schema, runner: asyncio.Runner) -> None:
    runner.run(place.prepare())
    machine = type("Machine", (StoreMachine,), {"place": place, "runner": runner})
    examples = EXAMPLES["sqlite" if place.one_process else "postgres"]
    run_state_machine_as_test(machine, settings=deep(examples))
