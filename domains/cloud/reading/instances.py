"""Instances as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aivis.errors import Invalid
from domains.cloud.account import Account
from domains.cloud.models.instances import AttachedVolume, Instance, InstanceEvent, InstanceStatus, TypeOfInstance
from domains.cloud.reading.answers import Piece, moment, only, tags, where

GONE = ("shutting-down", "terminated")


def raw_instance(account: Account, instance_id: str) -> Piece:
    """The API's own answer about one instance."""
    found = _instances(account.ask("describe_instances", InstanceIds=[instance_id]))
    return only(found, f"instance {instance_id}", account)


def state(account: Account, instance_id: str) -> str:
    """pending, running, stopping, stopped, shutting-down or terminated."""
    return str(raw_instance(account, instance_id)["State"]["Name"])


def instance(account: Account, instance_id: str) -> Instance:
    """One instance with its volumes and its public address."""
    return _described(account, [raw_instance(account, instance_id)])[0]


def instances(account: Account, filters: Sequence[dict[str, Any]]) -> list[Instance]:
    """All instances that pass the filters; terminated ones last."""
    found = _described(account, _instances(account.ask("describe_instances", Filters=list(filters))))
    return sorted(found, key=lambda each: (each.state in GONE, each.name, each.instance_id))


def status(account: Account, instance_id: str) -> InstanceStatus:
    """Health; a stopped instance has none, and says not-applicable."""
    now = state(account, instance_id)
    answer = account.ask("describe_instance_status", InstanceIds=[instance_id], IncludeAllInstances=True)
    found: Piece = next(iter(answer["InstanceStatuses"]), {})
    return InstanceStatus(
        instance_id=instance_id,
        state=now,
        system_status=found.get("SystemStatus", {}).get("Status", "not-applicable"),
        instance_status=found.get("InstanceStatus", {}).get("Status", "not-applicable"),
        events=[
            InstanceEvent(
                code=event.get("Code", ""),
                description=event.get("Description", ""),
                not_before=moment(event.get("NotBefore")),
            )
            for event in found.get("Events") or []
        ],
    )


def console(account: Account, instance_id: str) -> str:
    """All that the serial console keeps; empty when there is nothing yet."""
    raw_instance(account, instance_id)
    return str(account.ask("get_console_output", InstanceId=instance_id).get("Output") or "")


def instance_type(account: Account, name: str) -> TypeOfInstance:
    """What a type offers; `Invalid` when the region has no such type."""
    found = account.ask("describe_instance_types", InstanceTypes=[name])["InstanceTypes"]
    if not found:
        raise Invalid(f"there is no instance type {name} in region {account.region}")
    kind = found[0]
    return TypeOfInstance(
        instance_type=name, vcpus=kind["VCpuInfo"]["DefaultVCpus"], memory_mib=kind["MemoryInfo"]["SizeInMiB"]
    )


def group_ids(piece: Piece) -> list[str]:
    """The security groups of an instance's primary network interface."""
    direct = [group["GroupId"] for group in piece.get("SecurityGroups") or []]
    interfaces = piece.get("NetworkInterfaces") or []
    return direct or [group["GroupId"] for interface in interfaces[:1] for group in interface.get("Groups") or []]


@dataclass(frozen=True)
class PublicAddresses:
    """Who holds which public address. An elastic address counts for its holder only, whatever the instance says."""

    elastic: dict[str, str | None]
    """Each elastic address and the instance that holds it."""

    def of(self, piece: Piece) -> str | None:
        held = [address for address, holder in self.elastic.items() if holder == piece["InstanceId"]]
        own = piece.get("PublicIpAddress")
        return held[0] if held else own if own and own not in self.elastic else None


def public_addresses(account: Account) -> PublicAddresses:
    """All elastic addresses of the account."""
    found = account.ask("describe_addresses")["Addresses"]
    return PublicAddresses({each["PublicIp"]: each.get("InstanceId") or None for each in found})


def _instances(answer: dict[str, Any]) -> list[Piece]:
    return [each for reservation in answer["Reservations"] for each in reservation["Instances"]]


def _described(account: Account, found: list[Piece]) -> list[Instance]:
    if not found:
        return []
    public = public_addresses(account)
    volumes = _volumes(account, [piece["InstanceId"] for piece in found])
    return [_instance(piece, public.of(piece), volumes.get(piece["InstanceId"], [])) for piece in found]


def _volumes(account: Account, ids: list[str]) -> dict[str, list[AttachedVolume]]:
    answer = account.ask("describe_volumes", Filters=[where("attachment.instance-id", *ids)])
    attached: dict[str, list[AttachedVolume]] = {}
    for volume in answer["Volumes"]:
        for each in volume["Attachments"]:
            attached.setdefault(each["InstanceId"], []).append(
                AttachedVolume(volume_id=volume["VolumeId"], device=each.get("Device", ""), size_gib=volume["Size"])
            )
    return {holder: sorted(each, key=lambda volume: volume.device) for holder, each in attached.items()}


def _instance(piece: Piece, public: str | None, volumes: list[AttachedVolume]) -> Instance:
    told = tags(piece)
    return Instance(
        instance_id=piece["InstanceId"],
        name=told.get("Name", ""),
        state=piece["State"]["Name"],
        state_reason=piece.get("StateReason", {}).get("Message") or piece.get("StateTransitionReason") or "",
        instance_type=piece.get("InstanceType", ""),
        availability_zone=piece.get("Placement", {}).get("AvailabilityZone", ""),
        image_id=piece.get("ImageId", ""),
        launch_time=moment(piece.get("LaunchTime")),
        subnet_id=piece.get("SubnetId"),
        vpc_id=piece.get("VpcId"),
        private_ip=piece.get("PrivateIpAddress"),
        public_ip=public,
        security_group_ids=group_ids(piece),
        volumes=volumes,
        tags=told,
    )
