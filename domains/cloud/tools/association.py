"""Effect on which route table a subnet uses."""

from typing import Literal

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import AssociateRouteTable, AssociationChange
from domains.cloud.reading.networks import route_table, route_tables, subnet, table_of_subnet
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()


class _Uses(Closed):
    route_table_id: str
    association_id: str
    kind: Literal["explicit", "main"]


def undo(arguments: AssociateRouteTable, result: AssociationChange, call: Call[Account]) -> AssociationChange:
    """Let the subnet use its former table: by association, or by falling back to the main one."""
    now = _uses(arguments.subnet_id, call)
    before = (result.previous_route_table_id, result.previous_association)
    left = (result.route_table_id, "explicit") if result.changed else before
    what = f"route table of {arguments.subnet_id}"
    back = must_put_back((now.route_table_id, now.kind), left=left, before=before, what=what)
    association = now.association_id
    if back and result.previous_association == "main":
        call.system.act("disassociate_route_table", AssociationId=now.association_id)
        call.acted()
        association = _uses(arguments.subnet_id, call).association_id
    elif back:
        association = _associate(arguments.subnet_id, result.previous_route_table_id, now, call)
    return AssociationChange(
        subnet_id=arguments.subnet_id,
        route_table_id=result.previous_route_table_id,
        association_id=association,
        previous_route_table_id=now.route_table_id,
        previous_association=now.kind,
        changed=back,
    )


@tools.tool(
    name="cloud.associate_route_table",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="subnet_id",
    undo=undo,
    repeats_safely="It sets which table the subnet uses: a subnet uses exactly one.",
    **DEDUPES,
)
def associate_route_table(arguments: AssociateRouteTable, call: Call[Account]) -> AssociationChange:
    """Make a subnet use a route table of its virtual network; every instance in the subnet follows it at once."""
    before = call.before(_Uses, lambda: _uses(arguments.subnet_id, call))
    now = _uses(arguments.subnet_id, call)
    association = now.association_id
    if now.route_table_id != arguments.route_table_id:
        _refuse_other_network(arguments, call)
        association = _associate(arguments.subnet_id, arguments.route_table_id, now, call)
    return AssociationChange(
        subnet_id=arguments.subnet_id,
        route_table_id=arguments.route_table_id,
        association_id=association,
        previous_route_table_id=before.route_table_id,
        previous_association=before.kind,
        changed=before.route_table_id != arguments.route_table_id,
    )


def _uses(subnet_id: str, call: Call[Account]) -> _Uses:
    vpc_id = subnet(call.system, subnet_id)["VpcId"]
    table, association = table_of_subnet(route_tables(call.system, vpc_id), subnet_id)
    return _Uses(
        route_table_id=table["RouteTableId"],
        association_id=association["RouteTableAssociationId"],
        kind="explicit" if association.get("SubnetId") == subnet_id else "main",
    )


def _associate(subnet_id: str, table_id: str, now: _Uses, call: Call[Account]) -> str:
    """Id of the new association."""
    if now.kind == "main":
        made = call.system.act("associate_route_table", SubnetId=subnet_id, RouteTableId=table_id)
        call.acted()
        return str(made["AssociationId"])
    made = call.system.act("replace_route_table_association", AssociationId=now.association_id, RouteTableId=table_id)
    call.acted()
    return str(made["NewAssociationId"])


def _refuse_other_network(arguments: AssociateRouteTable, call: Call[Account]) -> None:
    its = subnet(call.system, arguments.subnet_id)["VpcId"]
    other = route_table(call.system, arguments.route_table_id)["VpcId"]
    if its != other:
        raise Refused(
            f"{arguments.route_table_id} is of {other}, but {arguments.subnet_id} is in {its}; take one of its"
        )
