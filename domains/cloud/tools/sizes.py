"""Effects on an instance's type."""

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import ResizeInstance, TypeChange
from domains.cloud.reading.instances import instance_type, raw_instance
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()


class _Was(Closed):
    instance_type: str


def undo_resize(arguments: ResizeInstance, result: TypeChange, call: Call[Account]) -> TypeChange:
    """Give it its former type; it must be stopped."""
    now = _type(call, arguments.instance_id)
    back = must_put_back(
        now, left=result.instance_type, before=result.previous_type, what=f"type of {arguments.instance_id}"
    )
    if back:
        _set(call, arguments.instance_id, result.previous_type)
    return TypeChange(
        instance_id=arguments.instance_id, instance_type=result.previous_type, previous_type=now, changed=back
    )


@tools.tool(
    name="cloud.resize_instance",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="instance_id",
    undo=undo_resize,
    repeats_safely="It sets an attribute: giving an instance the type it has does nothing.",
    **DEDUPES,
)
def resize_instance(arguments: ResizeInstance, call: Call[Account]) -> TypeChange:
    """Give an instance another type. It must be stopped first, and started afterwards."""
    before = call.before(_Was, lambda: _Was(instance_type=_type(call, arguments.instance_id)))
    instance_type(call.system, arguments.instance_type)
    now = _type(call, arguments.instance_id)
    if now != arguments.instance_type:
        _set(call, arguments.instance_id, arguments.instance_type)
    return TypeChange(
        instance_id=arguments.instance_id,
        instance_type=arguments.instance_type,
        previous_type=before.instance_type,
        changed=before.instance_type != arguments.instance_type,
    )


def _type(call: Call[Account], instance_id: str) -> str:
    return str(raw_instance(call.system, instance_id)["InstanceType"])


def _set(call: Call[Account], instance_id: str, name: str) -> None:
    state = raw_instance(call.system, instance_id)["State"]["Name"]
    if state != "stopped":
        raise Refused(f"instance {instance_id} is {state}; its type changes only while it is stopped: stop it first")
    call.system.act("modify_instance_attribute", InstanceId=instance_id, InstanceType={"Value": name})
    call.acted()
