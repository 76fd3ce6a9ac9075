"""What a ticket's good end looks like in the account's configuration.

A goal is also a licence: what it asks for may be changed, and nothing wider.
"""

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict

from domains.cloud.lab.account import Account, Address, Instance, Network, Volume
from domains.cloud.lab.paths import Flow, obstacles


class Goal(BaseModel):
    """One thing that has to be true in the end."""

    model_config = ConfigDict(frozen=True)

    @abstractmethod
    def missing(self, account: Account) -> tuple[str, ...]:
        """What is not as it should be, in words; none: the goal is reached."""


class Reaches(Goal):
    """TCP gets through between the instance and everyone in `peer` (IPv4 CIDR), and back."""

    instance: str
    port: int
    peer: str
    outbound: bool = False

    def missing(self, account: Account) -> tuple[str, ...]:
        return obstacles(account, Flow(self.instance, self.port, self.peer, self.outbound))


class Runs(Goal):
    """The instance runs."""

    instance: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Instance, self.instance)
        state = found.state if found else "not there"
        return () if state == "running" else (f"instance {self.instance} is {state}",)


class HasType(Goal):
    """The instance is of that type."""

    instance: str
    type: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Instance, self.instance)
        kind = found.type if found else "not there"
        return () if kind == self.type else (f"instance {self.instance} is {kind}, not {self.type}",)


class HasSize(Goal):
    """The volume has exactly that many GiB."""

    volume: str
    gib: int

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Volume, self.volume)
        gib = found.gib if found else 0
        return () if gib == self.gib else (f"volume {self.volume} has {gib} GiB, not {self.gib}",)


class AttachedTo(Goal):
    """The volume is attached to the instance."""

    volume: str
    instance: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Volume, self.volume)
        if found is not None and found.instance == self.instance:
            return ()
        return (f"volume {self.volume} is not attached to {self.instance}",)


class HoldsAddress(Goal):
    """The elastic address leads to the instance."""

    allocation: str
    instance: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Address, self.allocation)
        if found is not None and found.instance == self.instance:
            return ()
        return (f"address {found.ip if found else self.allocation} does not lead to {self.instance}",)


class Released(Goal):
    """The elastic address is given back."""

    allocation: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Address, self.allocation)
        return (f"address {found.ip} is still allocated",) if found else ()


class RoomForAddresses(Goal):
    """The customer holds fewer elastic addresses than `limit`."""

    customer: str
    limit: int

    def missing(self, account: Account) -> tuple[str, ...]:
        held = sum(address.owner == self.customer for address in account.every(Address))
        return () if held < self.limit else (f"{self.customer} holds {held} of {self.limit} elastic addresses",)


class ResolvesNames(Goal):
    """The VPC's own name resolution is on."""

    vpc: str

    def missing(self, account: Account) -> tuple[str, ...]:
        found = account.find(Network, self.vpc)
        return () if found and found.resolves_names else (f"name resolution of {self.vpc} is off",)


class WasRebooted(Runs):
    """The instance was restarted. A reboot leaves no trace in the EC2 API: only that it runs can be judged."""
