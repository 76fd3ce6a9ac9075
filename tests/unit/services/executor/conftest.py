"""The executor at work on actions, with the mailbox and the tool server faked."""

from pathlib import Path

import pytest

from tests.unit.services.executor.making import Desk, FakeTools, desk


@pytest.fixture
def tools() -> FakeTools:
    return FakeTools()


@pytest.fixture
async def at(tools: FakeTools, tmp_path: Path) -> Desk:
    return await desk(tools, tmp_path)
