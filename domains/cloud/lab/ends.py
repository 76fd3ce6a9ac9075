"""Good ends of a site: what has to be true once a fault is mended or a wish is met."""

from collections.abc import Mapping

from domains.cloud.lab.goals import (
    AttachedTo,
    Goal,
    HasSize,
    HasType,
    HoldsAddress,
    Reaches,
    Released,
    ResolvesNames,
    RoomForAddresses,
    Runs,
    WasRebooted,
)
from domains.cloud.lab.world import EVERYWHERE, Site

Facts = Mapping[str, str]
"""What breaking a site brought forth and a ticket may speak of, by the name of its placeholder."""


def reached(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The one who complains gets through; everyone does, where the service is public."""
    peer = EVERYWHERE if site.plan.public else f"{site.plan.source}/32"
    return (Reaches(instance=site.instance, port=site.plan.port, peer=peer),)


def reached_by_source(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The one who complains gets through, and that is enough: who else may is not theirs to say."""
    return (Reaches(instance=site.instance, port=site.plan.port, peer=f"{site.plan.source}/32"),)


def reaches_out(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The instance gets through to where it wants to."""
    plan = site.plan
    peer = f"{plan.destination}/32"
    return (Reaches(instance=site.instance, port=plan.destination_port, peer=peer, outbound=True),)


def address_is_back(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The address that the customer's users know leads to the instance again."""
    return (HoldsAddress(allocation=site.allocation, instance=site.instance), *reached(site, facts))


def is_alive(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The instance runs."""
    return (Runs(instance=site.instance),)


def has_space(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The volume has the size the customer asked for, and its instance runs."""
    return (HasSize(volume=site.volume, gib=site.plan.wanted_gib), Runs(instance=site.instance))


def has_power(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The instance is of the type the customer asked for, and runs."""
    return (HasType(instance=site.instance, type=site.plan.wanted_type), Runs(instance=site.instance))


def has_room(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The customer can have another elastic address."""
    return (RoomForAddresses(customer=site.plan.customer, limit=int(facts["limit"])),)


def resolves(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The VPC resolves names."""
    return (ResolvesNames(vpc=site.vpc),)


def has_data(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The data volume is attached."""
    return (AttachedTo(volume=site.data_volume, instance=site.instance),)


def rebooted(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The instance was restarted."""
    return (WasRebooted(instance=site.instance),)


def open_to_all(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The whole internet gets through to the port."""
    return (Reaches(instance=site.instance, port=site.plan.port, peer=EVERYWHERE),)


def released(site: Site, facts: Facts) -> tuple[Goal, ...]:
    """The idle address is given back."""
    return (Released(allocation=facts["idle_allocation"]),)
