"""Whoever presses what and when, and whatever the topic does: an effect has its own approval, in time, and once."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.properties.approval_machine import ApprovalMachine
from tests.properties.bench import quiet
from tests.properties.places import Files, in_memory
from tests.properties.playing import short


def test_an_effect_has_its_own_approval_in_time_and_once() -> None:
    with TemporaryDirectory(dir=in_memory()) as name, asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(quiet)
        folder = Path(name)
        places = Files(folder / "executor"), Files(folder / "escalation")
        for place in places:
            runner.run(place.prepare())
        machine = type("Machine", (ApprovalMachine,), {"places": places, "runner": runner, "folder": folder})
        with capture_logs():
            run_state_machine_as_test(machine, settings=short(10, 20))
