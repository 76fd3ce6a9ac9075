"""Whatever happens to actions in whatever order: no effect comes twice, and what is told is true."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import run_state_machine_as_test
from structlog.testing import capture_logs

from tests.properties.bench import quiet
from tests.properties.executor_machine import LedgerMachine
from tests.properties.places import Files, in_memory
from tests.properties.playing import short


def test_no_effect_comes_twice_whatever_happens() -> None:
    with TemporaryDirectory(dir=in_memory()) as name, asyncio.Runner() as runner:
        folder = Path(name)
        runner.get_loop().set_exception_handler(quiet)
        files = Files(folder)
        runner.run(files.prepare())
        machine = type("Machine", (LedgerMachine,), {"place": files, "runner": runner, "folder": folder})
        with capture_logs():
            run_state_machine_as_test(machine, settings=short(16, 20))
