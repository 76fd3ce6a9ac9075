"""Effects on internet gateways: create one, attach one."""

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import AttachGateway, CreateGateway, GatewayAttached, GatewayCreated
from domains.cloud.reading.answers import Piece, only, where
from domains.cloud.reading.networks import attached_to, gateways
from domains.cloud.tools.declaring import DEDUPES, KEY_TAG, LOOKS_UP, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()


class _Was(Closed):
    vpc_id: str


def undo_attach(arguments: AttachGateway, result: GatewayAttached, call: Call[Account]) -> GatewayAttached:
    """Detach it again, when it was attached to nothing before."""
    before = None if result.changed else result.vpc_id
    now = attached_to(_gateway(arguments.gateway_id, call))
    back = must_put_back(now, left=result.vpc_id, before=before, what=f"attachment of {arguments.gateway_id}")
    if back:
        call.system.act("detach_internet_gateway", InternetGatewayId=arguments.gateway_id, VpcId=result.vpc_id)
        call.acted()
    return result.model_copy(update={"changed": back})


@tools.tool(
    name="cloud.attach_internet_gateway",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="vpc_id",
    undo=undo_attach,
    repeats_safely="It sets what the gateway is attached to: a gateway is attached to one network or none.",
    **DEDUPES,
)
def attach_internet_gateway(arguments: AttachGateway, call: Call[Account]) -> GatewayAttached:
    """Attach an internet gateway to a virtual network that has none. Routes decide who uses it."""

    def read() -> _Was | None:
        found = attached_to(_gateway(arguments.gateway_id, call))
        return None if found is None else _Was(vpc_id=found)

    before, now = call.before(_Was, read), read()
    if now is not None and now.vpc_id != arguments.vpc_id:
        raise Refused(f"{arguments.gateway_id} is attached to {now.vpc_id}; it would have to be detached there first")
    if now is None:
        _refuse_second(arguments.vpc_id, call)
        call.system.act("attach_internet_gateway", InternetGatewayId=arguments.gateway_id, VpcId=arguments.vpc_id)
        call.acted()
    return GatewayAttached(gateway_id=arguments.gateway_id, vpc_id=arguments.vpc_id, changed=before is None)


def undo_create(arguments: CreateGateway, result: GatewayCreated, call: Call[Account]) -> None:
    """Delete it, unless it is gone already; it must be attached to nothing."""
    found = [each for each in gateways(call.system) if each["InternetGatewayId"] == result.gateway_id]
    if not found:
        return
    if attached_to(found[0]) is not None:
        raise Refused(f"{result.gateway_id} is attached to {attached_to(found[0])}; detach it before deleting it")
    call.system.act("delete_internet_gateway", InternetGatewayId=result.gateway_id)
    call.acted()


def lookup_created(arguments: CreateGateway, call: Call[Account]) -> GatewayCreated | None:
    """The gateway that carries the call's key as a tag."""
    answer = call.system.ask("describe_internet_gateways", Filters=[where(f"tag:{KEY_TAG}", call.key)])
    found = answer["InternetGateways"]
    return _created(arguments, found[0]["InternetGatewayId"]) if found else None


@tools.tool(
    name="cloud.create_internet_gateway",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="vpc_id",
    undo=undo_create,
    lookup=lookup_created,
    **LOOKS_UP,
)
def create_internet_gateway(arguments: CreateGateway, call: Call[Account]) -> GatewayCreated:
    """Create an internet gateway meant for a virtual network that has none; attach it afterwards."""
    _refuse_second(arguments.vpc_id, call)
    tag = {"ResourceType": "internet-gateway", "Tags": [{"Key": KEY_TAG, "Value": call.key}]}
    made = call.system.act("create_internet_gateway", TagSpecifications=[tag])
    call.acted()
    return _created(arguments, made["InternetGateway"]["InternetGatewayId"])


def _created(arguments: CreateGateway, gateway_id: str) -> GatewayCreated:
    return GatewayCreated(gateway_id=gateway_id, vpc_id=arguments.vpc_id)


def _gateway(gateway_id: str, call: Call[Account]) -> Piece:
    found = call.system.ask("describe_internet_gateways", InternetGatewayIds=[gateway_id])["InternetGateways"]
    return only(found, f"internet gateway {gateway_id}", call.system)


def _refuse_second(vpc_id: str, call: Call[Account]) -> None:
    """Also `NotFound` for a network that does not exist."""
    only(call.system.ask("describe_vpcs", VpcIds=[vpc_id])["Vpcs"], f"virtual network {vpc_id}", call.system)
    held = [each["InternetGatewayId"] for each in gateways(call.system) if attached_to(each) == vpc_id]
    if held:
        raise Refused(f"{vpc_id} has the internet gateway {held[0]} already, and can have only one")
