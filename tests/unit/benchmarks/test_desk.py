"""The desk of the benchmark is a sound domain: its module says what its examples show, with the tool it has."""

from pathlib import Path

import benchmarks.cases
from aivis.modules import loader
from aivis.modules.examples import example_faults
from benchmarks.cases.desk_tools import tools

DESK = Path(benchmarks.cases.__file__).parent / "desk"


def test_the_module_needs_one_check_of_a_tool_that_there_is() -> None:
    [module] = loader.load(DESK / "modules").modules.values()
    assert [check.tool for check in module.checks] == [tool.name for tool in tools]  # type: ignore[union-attr]


def test_the_modules_examples_come_out_as_they_say() -> None:
    loaded = loader.load_all(DESK / "modules")
    assert not loaded.problems
    assert [fault for source in loaded.sources for fault in example_faults(source, loaded.library)] == []
