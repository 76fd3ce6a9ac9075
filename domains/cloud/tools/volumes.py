"""Volumes, snapshots and tags: reads and effects."""

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.instances import OfInstance
from domains.cloud.models.volumes import (
    CreateSnapshot,
    ExtendVolume,
    OfVolume,
    Snapshot,
    SnapshotCreated,
    Snapshots,
    Volume,
    VolumeExtended,
    Volumes,
)
from domains.cloud.reading.answers import Piece, moment, only, tags, where
from domains.cloud.reading.instances import raw_instance
from domains.cloud.tools.declaring import DEDUPES, KEY_TAG, LONG, LOOKS_UP, READS, SHORT

tools = ToolSet[Account]()


class _Was(Closed):
    size_gib: int


@tools.tool(name="cloud.describe_volumes", resource="instance_id", **READS)
def describe_volumes(arguments: OfInstance, call: Call[Account]) -> Volumes:
    """List the volumes of an instance with their sizes.

    Use it when a disk is full or slow, or before a snapshot or an extension.
    """
    raw_instance(call.system, arguments.instance_id)
    filters = [where("attachment.instance-id", arguments.instance_id)]
    pieces = call.system.ask("describe_volumes", Filters=filters)["Volumes"]
    found = sorted((_volume(each, arguments.instance_id) for each in pieces), key=lambda each: each.device)
    return Volumes(instance_id=arguments.instance_id, volumes=found, total_gib=sum(volume.size_gib for volume in found))


@tools.tool(name="cloud.describe_snapshots", resource="volume_id", **READS)
def describe_snapshots(arguments: OfVolume, call: Call[Account]) -> Snapshots:
    """List the snapshots of a volume, newest first.

    Use it to see whether there is something to go back to.
    """
    _size(arguments.volume_id, call)
    filters = [where("volume-id", arguments.volume_id)]
    pieces = call.system.ask("describe_snapshots", OwnerIds=["self"], Filters=filters)["Snapshots"]
    found = sorted((_snapshot(each) for each in pieces), key=lambda each: each.started_at, reverse=True)
    completed = [each.snapshot_id for each in found if each.state == "completed"]
    return Snapshots(
        volume_id=arguments.volume_id, snapshots=found, newest_completed=completed[0] if completed else None
    )


@tools.tool(
    name="cloud.extend_volume",
    risk=Risk.DESTRUCTIVE,
    timeout=LONG,
    resource="volume_id",
    repeats_safely="It sets a size, and a volume of that size is left as it is.",
    **DEDUPES,
)
def extend_volume(arguments: ExtendVolume, call: Call[Account]) -> VolumeExtended:
    """Make a volume larger while it is in use; the guest then has to grow its file system. It never shrinks again."""
    before = call.before(_Was, lambda: _Was(size_gib=_size(arguments.volume_id, call)))
    now = _size(arguments.volume_id, call)
    if now > arguments.size_gib:
        raise Refused(f"{arguments.volume_id} has {now} GiB; a volume never shrinks, so ask for more than that")
    if now < arguments.size_gib and not _growing(arguments, call):
        call.system.act("modify_volume", VolumeId=arguments.volume_id, Size=arguments.size_gib)
        call.acted()
    pause = 0.1
    while _size(arguments.volume_id, call) < arguments.size_gib:
        call.wait(pause, for_what=f"{arguments.volume_id} to have {arguments.size_gib} GiB")
        pause = min(pause * 2, 5)
    return VolumeExtended(
        volume_id=arguments.volume_id,
        size_gib=arguments.size_gib,
        previous_size_gib=before.size_gib,
        changed=before.size_gib != arguments.size_gib,
    )


def undo_snapshot(arguments: CreateSnapshot, result: SnapshotCreated, call: Call[Account]) -> None:
    """Delete it, unless it is gone already."""
    filters = [where("snapshot-id", result.snapshot_id)]
    if call.system.ask("describe_snapshots", OwnerIds=["self"], Filters=filters)["Snapshots"]:
        call.system.act("delete_snapshot", SnapshotId=result.snapshot_id)
        call.acted()


def lookup_snapshot(arguments: CreateSnapshot, call: Call[Account]) -> SnapshotCreated | None:
    """The snapshot that carries the call's key as a tag."""
    filters = [where(f"tag:{KEY_TAG}", call.key)]
    found = call.system.ask("describe_snapshots", OwnerIds=["self"], Filters=filters)["Snapshots"]
    return _created(found[0]) if found else None


@tools.tool(
    name="cloud.create_snapshot",
    risk=Risk.REVERSIBLE,
    timeout=SHORT,
    resource="volume_id",
    undo=undo_snapshot,
    lookup=lookup_snapshot,
    **LOOKS_UP,
)
def create_snapshot(arguments: CreateSnapshot, call: Call[Account]) -> SnapshotCreated:
    """Keep a volume's content of this moment. It may still be pending when this answers; what it shows is fixed."""
    _size(arguments.volume_id, call)
    tag = {"ResourceType": "snapshot", "Tags": [{"Key": KEY_TAG, "Value": call.key}]}
    made = call.system.act(
        "create_snapshot",
        VolumeId=arguments.volume_id,
        Description=arguments.description or f"aivis case {call.case_id}",
        TagSpecifications=[tag],
    )
    call.acted()
    return _created(made)


def _size(volume_id: str, call: Call[Account]) -> int:
    """`NotFound` when there is no such volume."""
    found = call.system.ask("describe_volumes", VolumeIds=[volume_id])["Volumes"]
    return int(only(found, f"volume {volume_id}", call.system)["Size"])


def _growing(arguments: ExtendVolume, call: Call[Account]) -> bool:
    """Whether an earlier attempt has asked for this size already; the cloud refuses a second change meanwhile."""
    filters = [where("volume-id", arguments.volume_id)]
    found = call.system.ask("describe_volumes_modifications", Filters=filters)["VolumesModifications"]
    return any(
        each["ModificationState"] in ("modifying", "optimizing") and each.get("TargetSize") == arguments.size_gib
        for each in found
    )


def _volume(piece: Piece, instance_id: str) -> Volume:
    devices = [each.get("Device", "") for each in piece["Attachments"] if each["InstanceId"] == instance_id]
    return Volume(
        volume_id=piece["VolumeId"],
        device=devices[0] if devices else "",
        size_gib=piece["Size"],
        state=piece["State"],
        volume_type=piece.get("VolumeType", ""),
        encrypted=bool(piece.get("Encrypted")),
        tags=tags(piece),
    )


def _snapshot(piece: Piece) -> Snapshot:
    return Snapshot(
        snapshot_id=piece["SnapshotId"],
        state=piece["State"],
        started_at=moment(piece.get("StartTime")),
        size_gib=piece["VolumeSize"],
        description=piece.get("Description") or "",
    )


def _created(piece: Piece) -> SnapshotCreated:
    return SnapshotCreated(
        snapshot_id=piece["SnapshotId"],
        volume_id=piece["VolumeId"],
        state=piece["State"],
        size_gib=piece["VolumeSize"],
    )
