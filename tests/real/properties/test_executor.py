"""The machines of the ledger and of approvals at length, on both databases."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from structlog.testing import capture_logs

from tests.properties.approval_machine import ApprovalMachine
from tests.properties.bench import quiet
from tests.properties.executor_machine import LedgerMachine
from tests.properties.places import Files, Schema, in_memory
from tests.properties.playing import deep

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
EXAMPLES = {"sqlite": 60, "postgres": 12}
STEPS = 30
Places = tuple[Files | Schema, Files | Schema]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        found.get_loop().set_exception_handler(quiet)
        yield found


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(dir=in_memory()) as name:
        yield Path(name)


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest, folder: Path, runner: asyncio.Runner) -> Iterator[Places]:
    if request.param == "postgres" and not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES names no server: `make test-real`")
    found: Places = (Files(folder / "a"), Files(folder / "b"))
    if request.param == "postgres":
        found = (Schema(POSTGRES), Schema(POSTGRES))
    for place in found:
        runner.run(place.prepare())
    yield found
    for place in found:
        if isinstance(place, Schema):
            runner.run(place.drop())


def play(kind: type[RuleBasedStateMachine], database: str, **fields: object) -> None:
    machine = type("Machine", (kind,), fields)
    with capture_logs():
        run_state_machine_as_test(machine, settings=deep(EXAMPLES[database], STEPS))


def database(places: Places) -> str:
    return "sqlite" if places[0].one_process else "postgres"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_effect_comes_twice_whatever_happens(places: Places, runner: asyncio.Runner, folder: Path) -> None:
    play(LedgerMachine, database(places), place=places[0], runner=runner, folder=folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_effect_has_its_own_approval_in_time_and_once(places: Places, runner: asyncio.Runner, folder: Path) -> None:
    play(ApprovalMachine, database(places), places=places, runner=runner, folder=folder)
