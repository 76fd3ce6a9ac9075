"""Effects on an instance's state: start, stop, reboot, terminate."""

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Repeat, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import Rebooted, StateChange
from domains.cloud.models.instances import OfInstance
from domains.cloud.reading.instances import GONE, state
from domains.cloud.tools.declaring import DEDUPES, LONG, OWNER, SHORT

tools = ToolSet[Account]()

ON_THE_WAY = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}
SETTLES_FIRST = {("stopping", "running"): "stopped", ("pending", "stopped"): "running"}
"""From which state which wanted one is not asked for before another is reached: the cloud would refuse."""


class _Was(Closed):
    state: str


def undo_start(arguments: OfInstance, result: StateChange, call: Call[Account]) -> StateChange:
    """Stop it again, when it was stopped before."""
    if result.changed and result.previous_state in ("stopping", "stopped"):
        return _changed(arguments.instance_id, call, operation="stop_instances", wanted="stopped")
    return result


def undo_stop(arguments: OfInstance, result: StateChange, call: Call[Account]) -> StateChange:
    """Start it again, when it ran before."""
    if result.changed and result.previous_state in ("pending", "running"):
        return _changed(arguments.instance_id, call, operation="start_instances", wanted="running")
    return result


@tools.tool(
    name="cloud.start_instance",
    risk=Risk.REVERSIBLE,
    timeout=LONG,
    resource="instance_id",
    undo=undo_start,
    repeats_safely="It sets a state: starting a running instance does nothing.",
    **DEDUPES,
)
def start_instance(arguments: OfInstance, call: Call[Account]) -> StateChange:
    """Start a stopped instance and wait until it runs. Without an elastic address its public address changes."""
    return _changed(arguments.instance_id, call, operation="start_instances", wanted="running")


@tools.tool(
    name="cloud.stop_instance",
    risk=Risk.DESTRUCTIVE,
    timeout=LONG,
    resource="instance_id",
    undo=undo_stop,
    repeats_safely="It sets a state: stopping a stopped instance does nothing.",
    **DEDUPES,
)
def stop_instance(arguments: OfInstance, call: Call[Account]) -> StateChange:
    """Stop an instance and wait until it has stopped. Its service is down until it is started again.

    Without an elastic address it loses its public address; data on instance-store disks are lost.
    """
    return _changed(arguments.instance_id, call, operation="stop_instances", wanted="stopped")


@tools.tool(
    name="cloud.terminate_instance",
    risk=Risk.DESTRUCTIVE,
    timeout=LONG,
    resource="instance_id",
    repeats_safely="It sets a final state: terminating a terminated instance does nothing.",
    **DEDUPES,
)
def terminate_instance(arguments: OfInstance, call: Call[Account]) -> StateChange:
    """Destroy an instance for good, with the volumes that go with it. There is no way back."""
    return _changed(arguments.instance_id, call, operation="terminate_instances", wanted="terminated")


@tools.tool(
    name="cloud.reboot_instance",
    risk=Risk.DESTRUCTIVE,
    repeat=Repeat.NEITHER,
    timeout=SHORT,
    owner=OWNER,
    resource="instance_id",
)
def reboot_instance(arguments: OfInstance, call: Call[Account]) -> Rebooted:
    """Reboot a running instance: its service is interrupted for a minute or so; it keeps its addresses and disks.

    The cloud keeps no trace of a reboot, so whether a lost call rebooted it is for a person to find out.
    """
    now = state(call.system, arguments.instance_id)
    if now != "running":
        raise Refused(f"instance {arguments.instance_id} is {now}, so it cannot be rebooted; start it instead")
    call.system.act("reboot_instances", InstanceIds=[arguments.instance_id])
    call.acted()
    return Rebooted(instance_id=arguments.instance_id, state=state(call.system, arguments.instance_id))


def _changed(instance_id: str, call: Call[Account], *, operation: str, wanted: str) -> StateChange:
    """Bring the instance into the state `wanted`, and wait for it."""
    before = call.before(_Was, lambda: _Was(state=state(call.system, instance_id)))
    now = state(call.system, instance_id)
    if now in GONE and wanted != "terminated":
        raise Refused(f"instance {instance_id} is {now}: it cannot be brought back; a new one has to be made")
    if (now, wanted) in SETTLES_FIRST:
        now = SETTLES_FIRST[now, wanted]
        _wait(instance_id, call, now)
    if now not in (wanted, ON_THE_WAY[wanted]):
        call.system.act(operation, InstanceIds=[instance_id])
        call.acted()
    _wait(instance_id, call, wanted)
    return StateChange(
        instance_id=instance_id, state=wanted, previous_state=before.state, changed=before.state != wanted
    )


def _wait(instance_id: str, call: Call[Account], wanted: str) -> None:
    """Until the instance is in the state `wanted`. `Unknown` when the time is up."""
    pause = 0.1
    while (now := state(call.system, instance_id)) != wanted:
        if now in GONE and wanted != "terminated":
            raise Refused(f"instance {instance_id} went to {now} while waiting for {wanted}; look at its state reason")
        call.wait(pause, for_what=f"instance {instance_id} to be {wanted}; it is {now}")
        pause = min(pause * 2, 3)
