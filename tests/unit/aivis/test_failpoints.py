"""Failpoints: what is armed happens once, at its place, and leaves a trace first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aivis import failpoints
from aivis.errors import Invalid, Transient
from aivis.failpoints import Crashed, arm, arm_from, around, reach, recorded


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.clear()


def test_a_fault_happens_at_its_point_at_its_count_and_once() -> None:
    arm("store.commit.after", "fail", at=2)
    reach("store.commit.before")
    reach("store.commit.after")
    with pytest.raises(Transient, match=r"store\.commit\.after"):
        reach("store.commit.after")
    reach("store.commit.after")


def test_around_reaches_both_moments_and_no_after_when_it_raises() -> None:
    with recorded() as seen:
        with around("bus.send"):
            pass
        with pytest.raises(KeyError), around("tools.call"):
            raise KeyError
    assert seen == ["bus.send.before", "bus.send.after", "tools.call.before"]


def test_who_has_crashed_does_nothing_any_more() -> None:
    arm("store.commit.before", "crash")
    with pytest.raises(Crashed):
        reach("store.commit.before")
    with pytest.raises(Crashed):
        reach("bus.send.before")
    failpoints.clear()
    reach("bus.send.before")


def test_the_environment_arms_and_a_fault_is_on_record_before_it_happens(tmp_path: Path) -> None:
    log = tmp_path / "landed"
    armed = arm_from({failpoints.VARIABLE: "bus.send.before=fail@2, bus.commit.after=fail", failpoints.LOG: str(log)})
    assert armed == ("bus.send.before", "bus.commit.after")
    reach("bus.send.before")
    assert not log.exists()
    with pytest.raises(Transient):
        reach("bus.send.before")
    assert log.read_text().split()[2:] == ["bus.send.before", "fail"]


@pytest.mark.parametrize("text", ["bus.send.before", "bus.send.before=fail@x", "bus.send.before=burn"])
def test_what_cannot_be_armed_is_said(text: str) -> None:
    with pytest.raises(Invalid, match="bus"):
        arm_from({failpoints.VARIABLE: text})
