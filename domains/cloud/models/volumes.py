"""Volumes, snapshots and tags."""

from typing import Annotated

from pydantic import AfterValidator, Field

from aivis.toolkit.models import Arguments, Closed, Result
from domains.cloud.models.ids import ResourceId, VolumeId

RESERVED = ("aws:", "aivis-")


def _not_reserved(key: str) -> str:
    if key.startswith(RESERVED):
        raise ValueError(f"tags that begin with {' or '.join(RESERVED)} are not to be written by hand")
    return key


class Volume(Closed):
    """One volume."""

    volume_id: str
    """Id of the volume."""
    device: str
    """Device name on the instance, for example /dev/sda1."""
    size_gib: int
    """Size in GiB."""
    state: str
    """creating, available, in-use, deleting, deleted or error."""
    volume_type: str
    """For example gp3."""
    encrypted: bool
    """True when its content is encrypted."""
    tags: dict[str, str]
    """Its tags."""


class Volumes(Result):
    """The volumes of one instance."""

    instance_id: str
    """Id of the instance."""
    volumes: list[Volume]
    """Its volumes, by device name."""
    total_gib: int
    """Sum of their sizes."""


class OfVolume(Arguments):
    """Asks about one volume."""

    volume_id: VolumeId


class Snapshot(Closed):
    """One snapshot of a volume."""

    snapshot_id: str
    """Id of the snapshot."""
    state: str
    """pending, completed or error."""
    started_at: str
    """The moment it shows, ISO 8601."""
    size_gib: int
    """Size of the volume then, in GiB."""
    description: str
    """What its maker wrote."""


class Snapshots(Result):
    """The snapshots of one volume."""

    volume_id: str
    """Id of the volume."""
    snapshots: list[Snapshot]
    """Newest first."""
    newest_completed: str | None
    """Id of the newest completed one; null when there is none."""


class ExtendVolume(Arguments):
    """Makes a volume larger; the guest still has to grow its file system."""

    volume_id: VolumeId
    size_gib: int = Field(ge=1, le=65536)
    """The new size in GiB; a volume never shrinks."""


class VolumeExtended(Result):
    """A volume's size, now and before."""

    volume_id: str
    """Id of the volume."""
    size_gib: int
    """Size now, in GiB."""
    previous_size_gib: int
    """Size before, in GiB."""
    changed: bool
    """False when it was so large already."""


class CreateSnapshot(Arguments):
    """Keeps a volume's content as it is now."""

    volume_id: VolumeId
    description: str = Field(default="", max_length=200)
    """Why it is made."""


class SnapshotCreated(Result):
    """A new snapshot; it shows the moment of the call, also while it is still pending."""

    snapshot_id: str
    """Id of the snapshot."""
    volume_id: str
    """Id of the volume."""
    state: str
    """pending or completed."""
    size_gib: int
    """Size of the volume, in GiB."""


class TagResource(Arguments):
    """Writes one tag."""

    resource_id: ResourceId
    key: Annotated[str, AfterValidator(_not_reserved)] = Field(min_length=1, max_length=127, pattern=r"^[\w.:/=+@ -]+$")
    """The tag's name. Names that begin with aws: or aivis- are not to be written by hand."""
    value: str = Field(max_length=255)
    """The tag's value."""


class TagChange(Result):
    """A tag, now and before."""

    resource_id: str
    """Id of the resource."""
    key: str
    """The tag's name."""
    value: str
    """Its value now."""
    previous_value: str | None
    """Its value before; null when there was no such tag."""
    changed: bool
    """False when it was so already."""
