"""Effect on tags."""

from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.volumes import TagChange, TagResource
from domains.cloud.reading.answers import where
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()


class _Had(Closed):
    value: str


def undo(arguments: TagResource, result: TagChange, call: Call[Account]) -> None:
    """Write the former value, or take the tag away."""
    now = _value(arguments, call)
    what = f"tag {result.key} of {result.resource_id}"
    if not must_put_back(now, left=result.value, before=result.previous_value, what=what):
        return
    if result.previous_value is None:
        call.system.act("delete_tags", Resources=[result.resource_id], Tags=[{"Key": result.key}])
        call.acted()
    else:
        _write(result.resource_id, result.key, result.previous_value, call)


@tools.tool(
    name="cloud.tag_resource",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="resource_id",
    undo=undo,
    repeats_safely="It sets a value: a key has one value per resource.",
    **DEDUPES,
)
def tag_resource(arguments: TagResource, call: Call[Account]) -> TagChange:
    """Write a tag on a resource. Other programs of the customer may act on tags."""

    def read() -> _Had | None:
        found = _value(arguments, call)
        return None if found is None else _Had(value=found)

    before = call.before(_Had, read)
    if _value(arguments, call) != arguments.value:
        _write(arguments.resource_id, arguments.key, arguments.value, call)
    was = before.value if before else None
    return TagChange(
        resource_id=arguments.resource_id,
        key=arguments.key,
        value=arguments.value,
        previous_value=was,
        changed=was != arguments.value,
    )


def _value(arguments: TagResource, call: Call[Account]) -> str | None:
    filters = [where("resource-id", arguments.resource_id), where("key", arguments.key)]
    found = call.system.ask("describe_tags", Filters=filters)["Tags"]
    return next((str(each["Value"]) for each in found if each["Key"] == arguments.key), None)


def _write(resource_id: str, key: str, value: str, call: Call[Account]) -> None:
    call.system.act("create_tags", Resources=[resource_id], Tags=[{"Key": key, "Value": value}])
    call.acted()
