"""Instances: what they are and how they do."""

from typing import Literal

from pydantic import Field

from aivis.toolkit.models import Arguments, Closed, Result
from domains.cloud.models.ids import Address, InstanceId, InstanceType


class OfInstance(Arguments):
    """Asks about one instance."""

    instance_id: InstanceId


class FindInstances(Arguments):
    """At least one of the fields narrows the search; without any, every instance of the account is found."""

    name: str | None = Field(default=None, max_length=255)
    """The value of the tag Name, exact or with * wildcards."""
    address: Address | None = None
    """A private or public address of the instance."""


class OfInstanceType(Arguments):
    """Asks about one instance type."""

    instance_type: InstanceType


class AttachedVolume(Closed):
    """A volume as an instance sees it."""

    volume_id: str
    """Id of the volume."""
    device: str
    """Device name, for example /dev/sda1."""
    size_gib: int
    """Size in GiB."""


class Instance(Result):
    """One instance as it is now."""

    instance_id: str
    """Id of the instance."""
    name: str
    """Value of its tag Name; empty when it has none."""
    state: str
    """pending, running, stopping, stopped, shutting-down or terminated."""
    state_reason: str
    """Why it came into this state, as the cloud says it; empty when it says nothing."""
    instance_type: str
    """For example t3.large."""
    availability_zone: str
    """For example eu-central-1a."""
    image_id: str
    """Id of the image it was started from."""
    launch_time: str
    """Last start, ISO 8601; empty when unknown."""
    subnet_id: str | None
    """Its subnet; null once it is terminated."""
    vpc_id: str | None
    """Its virtual network; null once it is terminated."""
    private_ip: str | None
    """Its primary private address."""
    public_ip: str | None
    """Its public address; null when it has none."""
    security_group_ids: list[str]
    """Its security groups."""
    volumes: list[AttachedVolume]
    """Its volumes."""
    tags: dict[str, str]
    """Its tags."""


class Instances(Result):
    """The instances found, at most 50."""

    instances: list[Instance]
    """Those found; terminated ones come last."""
    count: int
    """How many were found, also beyond those listed."""


class InstanceEvent(Closed):
    """Something the cloud has planned for an instance."""

    code: str
    """instance-reboot, system-maintenance, instance-retirement, instance-stop, ..."""
    description: str
    """As the cloud says it."""
    not_before: str
    """Earliest moment, ISO 8601; empty when not set."""


class InstanceStatus(Result):
    """Health as the cloud measures it."""

    instance_id: str
    """Id of the instance."""
    state: str
    """pending, running, stopping, stopped, shutting-down or terminated."""
    system_status: str
    """The host's check: ok, impaired, initializing, insufficient-data or not-applicable."""
    instance_status: str
    """The guest's check: ok, impaired, initializing, insufficient-data or not-applicable."""
    events: list[InstanceEvent]
    """Planned events."""


class ConsoleOutput(Result):
    """The end of the serial console's output."""

    instance_id: str
    """Id of the instance."""
    output: str
    """At most the last 16,384 characters; empty when there is none."""
    truncated: bool
    """True when earlier output was cut off."""


class ListeningPort(Result):
    """The port that the instance's own service says it listens on."""

    instance_id: str
    """Id of the instance."""
    port: int | None
    """The port, when it is known and only one; null otherwise."""
    ports: list[int]
    """All ports that are said to be listened on."""
    found_in: Literal["tag", "console", ""]
    """Where it was read: the tag service-port, or the console output; empty when nothing says it."""
    explains: str
    """The tag or the console line that says so."""


class TypeOfInstance(Result):
    """What an instance type offers."""

    instance_type: str
    """For example t3.large."""
    vcpus: int
    """Virtual processors."""
    memory_mib: int
    """Memory in MiB."""
