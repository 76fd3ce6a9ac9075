"""Effects on route tables: create, replace and delete one route."""

from aivis.errors import NotFound, Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import DeleteRoute, RouteChange, SetRoute
from domains.cloud.reading.networks import route_table, target
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()
FIELDS = {
    "igw": "GatewayId",
    "vgw": "GatewayId",
    "nat": "NatGatewayId",
    "eni": "NetworkInterfaceId",
    "pcx": "VpcPeeringConnectionId",
    "tgw": "TransitGatewayId",
    "i": "InstanceId",
}
CONVERGES = "It sets where a destination is routed: a table has one route per destination or none."


class _Leads(Closed):
    target: str


def undo(arguments: SetRoute | DeleteRoute, result: RouteChange, call: Call[Account]) -> RouteChange:
    """Put the former route back, or take the new one away."""
    return _put_back(result, call)


@tools.tool(name="cloud.create_route", risk=Risk.REVERSIBLE, timeout=SHORT, resource="route_table_id", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def create_route(arguments: SetRoute, call: Call[Account]) -> RouteChange:
    """Add a route to a route table; every subnet that uses the table follows it. There must be none for it yet."""
    before, now = _looked(arguments, call)
    if now is not None and now != arguments.target:
        raise Refused(f"{_name(arguments)} exists already and leads to {now or 'a target that is gone'}; replace it")
    if now is None:
        _act("create", arguments, arguments.target, call)
    return _told(arguments, arguments.target, before)


@tools.tool(name="cloud.replace_route", risk=Risk.REVERSIBLE, timeout=SHORT, resource="route_table_id", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def replace_route(arguments: SetRoute, call: Call[Account]) -> RouteChange:
    """Make a route of a route table lead elsewhere; every subnet that uses the table follows it."""
    before, now = _looked(arguments, call)
    if now is None:
        raise NotFound(f"{_name(arguments)} does not exist; create it, or look with cloud.describe_route_table")
    if now != arguments.target:
        _act("replace", arguments, arguments.target, call)
    return _told(arguments, arguments.target, before)


@tools.tool(name="cloud.delete_route", risk=Risk.REVERSIBLE, timeout=SHORT, resource="route_table_id",
            undo=undo, repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def delete_route(arguments: DeleteRoute, call: Call[Account]) -> RouteChange:
    """Delete a route; traffic it carried takes the next longer route, or is dropped."""
    before, now = _looked(arguments, call)
    if now is not None:
        _delete(arguments, call)
    return _told(arguments, None, before)


def _put_back(result: RouteChange, call: Call[Account]) -> RouteChange:
    now = _current(result.route_table_id, result.destination, call)
    back = must_put_back(now, left=result.target, before=result.previous_target, what=_name(result))
    if back and result.previous_target is None:
        _delete(result, call)
    elif back and result.previous_target == "":
        raise Refused(f"{_name(result)} led to a target that was gone: there is nothing to put back")
    elif back and result.previous_target:
        _act("create" if now is None else "replace", result, result.previous_target, call)
    return _told(result, result.previous_target, now)


def _looked(arguments: SetRoute | DeleteRoute, call: Call[Account]) -> tuple[str | None, str | None]:
    """Where it led before the first attempt, and where it leads now; None when there was or is no route."""

    def read() -> _Leads | None:
        found = _current(arguments.route_table_id, arguments.destination, call)
        return None if found is None else _Leads(target=found)

    before, now = call.before(_Leads, read), read()
    if now is not None and now.target == "local":
        raise Refused(f"{_name(arguments)} is the virtual network's own and cannot be changed")
    return before.target if before else None, now.target if now else None


def _current(table_id: str, destination: str, call: Call[Account]) -> str | None:
    """Where the route leads: empty when its target is gone, None when there is no route."""
    routes = route_table(call.system, table_id)["Routes"]
    return next((target(each)[0] for each in routes if each.get("DestinationCidrBlock") == destination), None)


def _act(verb: str, where: SetRoute | RouteChange, leads: str, call: Call[Account]) -> None:
    call.system.act(
        f"{verb}_route",
        RouteTableId=where.route_table_id,
        DestinationCidrBlock=where.destination,
        **{FIELDS[leads.split("-", 1)[0]]: leads},
    )
    call.acted()


def _delete(where: DeleteRoute | RouteChange, call: Call[Account]) -> None:
    call.system.act("delete_route", RouteTableId=where.route_table_id, DestinationCidrBlock=where.destination)
    call.acted()


def _name(what: SetRoute | DeleteRoute | RouteChange) -> str:
    return f"route {what.destination} of {what.route_table_id}"


def _told(what: SetRoute | DeleteRoute | RouteChange, now: str | None, before: str | None) -> RouteChange:
    return RouteChange(
        route_table_id=what.route_table_id,
        destination=what.destination,
        target=now,
        previous_target=before,
        changed=now != before,
    )
