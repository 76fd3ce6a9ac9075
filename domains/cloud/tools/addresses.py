"""Elastic addresses and quotas: reads, and the effects that allocate and release."""

from aivis.errors import Refused
from aivis.toolkit import Call, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.addresses import (
    Addresses,
    AddressReleased,
    AllocateAddress,
    AllocatedAddress,
    ElasticAddress,
    FindAddresses,
    NoArguments,
    Quotas,
    ReleaseAddress,
)
from domains.cloud.reading import addresses as reading
from domains.cloud.reading.answers import where
from domains.cloud.reading.instances import raw_instance
from domains.cloud.tools.declaring import DEDUPES, KEY_TAG, LOOKS_UP, READS, SHORT

tools = ToolSet[Account]()


@tools.tool(name="cloud.describe_addresses", **READS)
def describe_addresses(arguments: FindAddresses, call: Call[Account]) -> Addresses:
    """List elastic addresses and who holds each: all, those of one instance, or one.

    Use it when an instance lost its public address, or an address answers for another instance.
    """
    filters = [where("instance-id", arguments.instance_id)] if arguments.instance_id else []
    filters += [where("public-ip", arguments.public_ip)] if arguments.public_ip else []
    found = reading.elastic_addresses(call.system, filters)
    return Addresses(addresses=found, count=len(found))


@tools.tool(name="cloud.describe_quotas", **READS)
def describe_quotas(arguments: NoArguments, call: Call[Account]) -> Quotas:
    """Tell the account's limits in this region, and how much of each is used.

    Use it when something cannot be created or started because a limit is reached.
    """
    return Quotas(quotas=reading.quotas(call.system))


def undo_allocate(arguments: AllocateAddress, result: AllocatedAddress, call: Call[Account]) -> None:
    """Release it, unless it is gone already; nothing may hold it."""
    found = reading.elastic_addresses(call.system, [where("allocation-id", result.allocation_id)])
    if found:
        _release(found[0], call)


def lookup_allocated(arguments: AllocateAddress, call: Call[Account]) -> AllocatedAddress | None:
    """The address that carries the call's key as a tag."""
    found = reading.elastic_addresses(call.system, [where(f"tag:{KEY_TAG}", call.key)])
    return _allocated(arguments, found[0].public_ip, found[0].allocation_id) if found else None


@tools.tool(
    name="cloud.allocate_address",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="instance_id",
    undo=undo_allocate,
    lookup=lookup_allocated,
    **LOOKS_UP,
)
def allocate_address(arguments: AllocateAddress, call: Call[Account]) -> AllocatedAddress:
    """Allocate an elastic address meant for an instance; associate it afterwards. It costs money while it is held."""
    raw_instance(call.system, arguments.instance_id)
    tag = {"ResourceType": "elastic-ip", "Tags": [{"Key": KEY_TAG, "Value": call.key}]}
    made = call.system.act("allocate_address", Domain="vpc", TagSpecifications=[tag])
    call.acted()
    return _allocated(arguments, made["PublicIp"], made["AllocationId"])


@tools.tool(
    name="cloud.release_address",
    risk=Risk.DESTRUCTIVE,
    timeout=SHORT,
    resource="public_ip",
    repeats_safely="The allocation to release is noted first, and a released allocation's id never comes back.",
    **DEDUPES,
)
def release_address(arguments: ReleaseAddress, call: Call[Account]) -> AddressReleased:
    """Give an elastic address back to the cloud for good: anybody may get it next. Nothing may hold it any more."""
    noted = call.before(ElasticAddress, lambda: reading.elastic_address(call.system, arguments.public_ip))
    now = reading.elastic_addresses(call.system, [where("allocation-id", noted.allocation_id)])
    if now:
        _release(now[0], call)
    return AddressReleased(public_ip=noted.public_ip, allocation_id=noted.allocation_id, tags=noted.tags)


def _release(address: ElasticAddress, call: Call[Account]) -> None:
    if address.association_id is not None:
        holder = address.instance_id or address.network_interface_id
        raise Refused(f"{address.public_ip} is held by {holder}; disassociate it first")
    call.system.act("release_address", AllocationId=address.allocation_id)
    call.acted()


def _allocated(arguments: AllocateAddress, public_ip: str, allocation_id: str) -> AllocatedAddress:
    return AllocatedAddress(public_ip=public_ip, allocation_id=allocation_id, instance_id=arguments.instance_id)
