import threading
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from aivis.errors import Refused, Unknown
from aivis.toolkit import Call
from domains.cloud.account import Account
from domains.cloud.models.instances import OfInstance
from domains.cloud.tools.power import start_instance, stop_instance, terminate_instance

THIS = OfInstance(instance_id="i-0123456789abcdef0")


@dataclass
class Slow:
    """An account whose instance goes through `states`, one each time it is asked."""

    states: list[str]
    acts: list[str] = field(default_factory=list)

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        assert operation == "describe_instances"
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        piece = {"InstanceId": THIS.instance_id, "State": {"Name": state}}
        return {"Reservations": [{"Instances": [piece]}]}

    def act(self, operation: str, **parameters: Any) -> dict[str, Any]:
        self.acts.append(operation)
        return {}


class Clock:
    """Each look at it takes a second."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


class Impatient(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def call(account: Slow) -> Call[Account]:
    notes: list[bytes] = []

    def remembers(note: bytes | None) -> bytes | None:
        if note is not None and not notes:
            notes.append(note)
        return notes[0] if notes else None

    return Call(
        system=cast(Account, account), tenant="acme", key="k", case_id="c", deadline=100, clock=Clock(),
        remembers=remembers, cancelled=Impatient(),
    )  # fmt: skip


def test_a_start_waits_until_the_instance_runs() -> None:
    account = Slow(["stopped", "stopped", "pending", "pending", "running"])
    result = start_instance(THIS, call(account))
    assert (result.state, result.previous_state, account.acts) == ("running", "stopped", ["start_instances"])


def test_an_instance_that_still_stops_is_started_when_it_has_stopped() -> None:
    account = Slow(["stopping", "stopping", "stopping", "stopped", "pending", "running"])
    assert start_instance(THIS, call(account)).changed
    assert account.acts == ["start_instances"]
    assert account.states == ["running"]


def test_an_instance_that_still_starts_is_stopped_when_it_runs() -> None:
    account = Slow(["pending", "pending", "pending", "running", "stopping", "stopped"])
    assert stop_instance(THIS, call(account)).previous_state == "pending"
    assert account.acts == ["stop_instances"]


@pytest.mark.parametrize(
    ("tool", "states"),
    [(start_instance, ["pending", "pending", "running"]), (stop_instance, ["stopping", "stopping", "stopped"]),
     (terminate_instance, ["shutting-down", "shutting-down", "terminated"])],
)  # fmt: skip
def test_what_is_on_its_way_is_not_asked_for_again(tool: Any, states: list[str]) -> None:
    account = Slow([*states])
    assert tool(THIS, call(account)).state == states[-1]
    assert account.acts == []


def test_time_that_is_up_leaves_it_open_what_becomes_of_the_instance() -> None:
    account = Slow(["stopped", "stopped", "pending"])
    with pytest.raises(Unknown, match="to be running; it is pending"):
        start_instance(THIS, call(account))


def test_an_instance_that_is_terminated_meanwhile_is_not_waited_for() -> None:
    with pytest.raises(Refused, match="terminated"):
        start_instance(THIS, call(Slow(["stopped", "stopped", "terminated"])))
