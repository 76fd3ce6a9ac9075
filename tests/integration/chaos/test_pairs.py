"""The executor crashes twice, anywhere: what it was asked for is done once, and told."""

from pathlib import Path

import pytest

from aivis import failpoints
from chaos.rows import crashes

_MOST = 40


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_after_two_crashes_anywhere_everything_is_done_once_and_told(tmp_path: Path) -> None:
    outcome = await crashes.play(tmp_path / "pairs", 7, most=_MOST)
    failpoints.clear()
    assert len(outcome.landed.faults) == _MOST
    assert outcome.verdict.faults == []
