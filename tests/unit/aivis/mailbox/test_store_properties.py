"""Whatever workers, publishers and operators do in whatever order: nothing is lost, every key has one winner."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import run_state_machine_as_test

from tests.properties.mailbox_machine import StoreMachine
from tests.properties.places import Files, in_memory
from tests.properties.playing import short


def test_the_store_does_what_a_plain_model_does() -> None:
    with TemporaryDirectory(dir=in_memory()) as folder, asyncio.Runner() as runner:
        files = Files(Path(folder))
        runner.run(files.prepare())
        machine = type("Machine", (StoreMachine,), {"place": files, "runner": runner})
        run_state_machine_as_test(machine, settings=short(15, 25))
