"""Elastic addresses and quotas."""

from aivis.toolkit.models import Arguments, Closed, Result
from domains.cloud.models.ids import Address, InstanceId


class FindAddresses(Arguments):
    """Without a field, every elastic address of the account."""

    instance_id: InstanceId | None = None
    """Only addresses that this instance holds."""
    public_ip: Address | None = None
    """Only this address."""


class ElasticAddress(Closed):
    """One elastic address and who holds it."""

    public_ip: str
    """The address."""
    allocation_id: str
    """Id of its allocation."""
    association_id: str | None
    """Id of its association; null when nothing holds it."""
    instance_id: str | None
    """The instance that holds it; null when none does."""
    network_interface_id: str | None
    """The network interface that holds it."""
    private_ip: str | None
    """The private address it is mapped to."""
    tags: dict[str, str]
    """Its tags."""


class Addresses(Result):
    """Elastic addresses of the account."""

    addresses: list[ElasticAddress]
    """Those found."""
    count: int
    """How many."""


class NoArguments(Arguments):
    """Nothing needs to be said."""


class Quota(Closed):
    """One limit of the account in this region."""

    name: str
    """running_instances or elastic_addresses."""
    limit: int
    """The most there may be."""
    used: int
    """How many there are."""
    reached: bool
    """True when no more can be had."""


class Quotas(Result):
    """The account's limits."""

    quotas: list[Quota]
    """One entry per limit that the cloud tells."""


class AllocateAddress(Arguments):
    """Asks for a new elastic address."""

    instance_id: InstanceId
    """The instance it is meant for; it is not associated yet."""


class AllocatedAddress(Result):
    """A new elastic address."""

    public_ip: str
    """The address."""
    allocation_id: str
    """Id of its allocation."""
    instance_id: str
    """The instance it is meant for."""


class AssociateAddress(Arguments):
    """Gives an elastic address to an instance."""

    public_ip: Address
    """An elastic address of the account."""
    instance_id: InstanceId
    """The instance that shall hold it."""
    take_over: bool = False
    """Take the address even when another instance holds it. Otherwise that is refused."""


class DisassociateAddress(Arguments):
    """Takes an elastic address from whoever holds it."""

    public_ip: Address
    """An elastic address of the account."""


class ReleaseAddress(Arguments):
    """Gives an elastic address back to the cloud; it must not be held by anything."""

    public_ip: Address
    """An elastic address of the account."""


class AddressHeld(Closed):
    """Who held an address before."""

    instance_id: str | None
    """The instance; null when none held it."""
    network_interface_id: str | None
    """The network interface; null when none held it."""
    private_ip: str | None
    """The private address it was mapped to."""


class AddressChange(Result):
    """Who holds an elastic address, now and before."""

    public_ip: str
    """The address."""
    allocation_id: str
    """Id of its allocation."""
    association_id: str | None
    """Id of its association now; null when nothing holds it."""
    instance_id: str | None
    """The instance that holds it now; null when none does."""
    previous: AddressHeld
    """Who held it before."""
    changed: bool
    """False when everything was so already."""


class AddressReleased(Result):
    """An elastic address that is no longer the account's."""

    public_ip: str
    """The address."""
    allocation_id: str
    """Id of the allocation it had."""
    tags: dict[str, str]
    """The tags it had."""
