"""Effects on who holds an elastic address: associate and disassociate."""

from typing import Any

from aivis.errors import Refused
from aivis.toolkit import Call, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.addresses import (
    AddressChange,
    AddressHeld,
    AssociateAddress,
    DisassociateAddress,
    ElasticAddress,
)
from domains.cloud.reading.addresses import elastic_address, elastic_addresses, held_by
from domains.cloud.reading.answers import where
from domains.cloud.reading.instances import GONE, state
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()
CONVERGES = "It sets who holds the address: one holder or none."


def undo(
    arguments: AssociateAddress | DisassociateAddress, result: AddressChange, call: Call[Account]
) -> AddressChange:
    """Give it back to whoever held it, or take it from who holds it now."""
    now = elastic_address(call.system, result.public_ip)
    before = result.previous.instance_id or result.previous.network_interface_id
    left = result.instance_id if result.changed else before
    back = must_put_back(_holder(now), left=left, before=before, what=f"holder of {result.public_ip}")
    if back and before is not None:
        _give(now, result.previous, call)
    elif back:
        _take(now, call)
    return _told(elastic_address(call.system, result.public_ip), held_by(now))


@tools.tool(name="cloud.associate_address", risk=Risk.REVERSIBLE, timeout=SHORT, resource="public_ip", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def associate_address(arguments: AssociateAddress, call: Call[Account]) -> AddressChange:
    """Give an elastic address of the account to an instance; it replaces the instance's automatic public address.

    An address that another instance holds is taken from it only with take_over: that one is cut off then.
    """
    before = call.before(AddressHeld, lambda: held_by(elastic_address(call.system, arguments.public_ip)))
    now = elastic_address(call.system, arguments.public_ip)
    if now.instance_id != arguments.instance_id:
        _refuse_unfit(arguments, now, call)
        _give(now, AddressHeld(instance_id=arguments.instance_id, network_interface_id=None, private_ip=None), call)
    return _told(elastic_address(call.system, arguments.public_ip), before)


@tools.tool(name="cloud.disassociate_address", risk=Risk.DESTRUCTIVE, timeout=SHORT, resource="public_ip", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def disassociate_address(arguments: DisassociateAddress, call: Call[Account]) -> AddressChange:
    """Take an elastic address from whoever holds it; who used the address to reach it is cut off at once."""
    before = call.before(AddressHeld, lambda: held_by(elastic_address(call.system, arguments.public_ip)))
    now = elastic_address(call.system, arguments.public_ip)
    if now.association_id is not None:
        _take(now, call)
    return _told(elastic_address(call.system, arguments.public_ip), before)


def _refuse_unfit(arguments: AssociateAddress, now: ElasticAddress, call: Call[Account]) -> None:
    found = state(call.system, arguments.instance_id)
    if found in GONE:
        raise Refused(f"instance {arguments.instance_id} is {found}; it can hold no address any more")
    if now.association_id is not None and not arguments.take_over:
        raise Refused(f"{now.public_ip} is held by {_holder(now)}; to take it from there, ask with take_over")
    held = elastic_addresses(call.system, [where("instance-id", arguments.instance_id)])
    if held:
        raise Refused(f"{arguments.instance_id} holds the elastic address {held[0].public_ip}; disassociate that first")


def _holder(address: ElasticAddress) -> str | None:
    return address.instance_id or address.network_interface_id


def _give(address: ElasticAddress, holder: AddressHeld, call: Call[Account]) -> None:
    to: dict[str, Any] = {"InstanceId": holder.instance_id}
    if holder.instance_id is None:
        to = {"NetworkInterfaceId": holder.network_interface_id, "PrivateIpAddress": holder.private_ip}
    taken = address.association_id is not None
    call.system.act("associate_address", AllocationId=address.allocation_id, AllowReassociation=taken, **to)
    call.acted()


def _take(address: ElasticAddress, call: Call[Account]) -> None:
    call.system.act("disassociate_address", AssociationId=address.association_id)
    call.acted()


def _told(now: ElasticAddress, before: AddressHeld) -> AddressChange:
    return AddressChange(
        public_ip=now.public_ip,
        allocation_id=now.allocation_id,
        association_id=now.association_id,
        instance_id=now.instance_id,
        previous=before,
        changed=_holder(now) != (before.instance_id or before.network_interface_id),
    )
