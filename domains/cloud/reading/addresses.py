"""Elastic addresses and quotas as they are now."""

from typing import Any

from domains.cloud.account import Account
from domains.cloud.models.addresses import AddressHeld, ElasticAddress, Quota
from domains.cloud.reading.answers import Piece, only, tags, where


def elastic_addresses(account: Account, filters: list[dict[str, Any]]) -> list[ElasticAddress]:
    """Those that pass the filters, in order of their addresses."""
    found = account.ask("describe_addresses", Filters=filters)["Addresses"]
    return sorted((_elastic(each) for each in found), key=lambda each: each.public_ip)


def elastic_address(account: Account, public_ip: str) -> ElasticAddress:
    """One elastic address of the account; `NotFound` when it is not the account's."""
    found = account.ask("describe_addresses", Filters=[where("public-ip", public_ip)])["Addresses"]
    return _elastic(only(found, f"elastic address {public_ip}", account))


def held_by(address: ElasticAddress) -> AddressHeld:
    """Who holds it."""
    return AddressHeld(
        instance_id=address.instance_id,
        network_interface_id=address.network_interface_id,
        private_ip=address.private_ip,
    )


def quotas(account: Account) -> list[Quota]:
    """Running instances and elastic addresses, as far as the cloud tells their limits."""
    attributes = account.ask("describe_account_attributes")["AccountAttributes"]
    limits = {each["AttributeName"]: each["AttributeValues"][0]["AttributeValue"] for each in attributes}
    used = {
        "max-instances": ("running_instances", _running),
        "vpc-max-elastic-ips": ("elastic_addresses", _addresses),
    }
    return [
        _quota(name, int(limits[attribute]), count(account))
        for attribute, (name, count) in used.items()
        if str(limits.get(attribute, "")).isdigit()
    ]


def _quota(name: str, limit: int, used: int) -> Quota:
    return Quota(name=name, limit=limit, used=used, reached=used >= limit)


def _running(account: Account) -> int:
    """Instances that count against the limit: those that run or are about to."""
    filters = [where("instance-state-name", "pending", "running")]
    found = account.ask("describe_instances", Filters=filters)["Reservations"]
    return sum(len(reservation["Instances"]) for reservation in found)


def _addresses(account: Account) -> int:
    return len(account.ask("describe_addresses")["Addresses"])


def _elastic(piece: Piece) -> ElasticAddress:
    return ElasticAddress(
        public_ip=piece["PublicIp"],
        allocation_id=piece.get("AllocationId", ""),
        association_id=piece.get("AssociationId") or None,
        instance_id=piece.get("InstanceId") or None,
        network_interface_id=piece.get("NetworkInterfaceId") or None,
        private_ip=piece.get("PrivateIpAddress") or None,
        tags=tags(piece),
    )
