"""Tickets as customers write them, before the world they speak of is built."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from aivis.errors import Invalid
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.world import Plan, Site

_FOLDER = "domains.cloud.tickets"


class Ticket(BaseModel):
    """A ticket with holes: `{instance_id}`, `{public_ip}` and the like are filled from its sites.

    The first site's values go by their plain names, the second's by `second_instance_id` and so on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: str
    customer: str
    subject: str
    text: str
    expect: Expectation
    also: tuple[Expectation, ...] = ()
    """Other ends that are as good."""
    follow_up: str = ""
    """What the customer writes when the agent asks."""
    sites: tuple[Plan, ...] = ()
    """The clouds the ticket is about; none: it needs none."""
    subjects: int = 1
    """How many of the sites, from the first on, the agent may touch; the others belong to other customers."""


class Phrasing(BaseModel):
    """One way to put a fault into words, with the same holes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    text: str


@cache
def demo() -> tuple[Ticket, ...]:
    """The demo's tickets, in the order of their ids. `Invalid` names the ticket whose fields are wrong."""
    raw = yaml.safe_load((files(_FOLDER) / "demo.yaml").read_text(encoding="utf-8"))
    return tuple(_ticket(number, fields) for number, fields in enumerate(raw, start=1))


def _ticket(number: int, fields: dict[str, object]) -> Ticket:
    sketches = fields.get("sites", [])
    assert isinstance(sketches, list)
    sites = [{"customer": fields.get("customer"), **sketch} for sketch in sketches]
    try:
        return Ticket.model_validate({**fields, "sites": sites})
    except ValidationError as error:
        name = fields.get("ticket", f"number {number}")
        raise Invalid(f"domains/cloud/tickets/demo.yaml: ticket {name}: {error}; mend the field") from error


@cache
def phrasings() -> Mapping[str, tuple[Phrasing, ...]]:
    """The evaluation's wordings by fault kind; none of them is the demo's."""
    raw = yaml.safe_load((files(_FOLDER) / "evaluation.yaml").read_text(encoding="utf-8"))
    return {kind: tuple(Phrasing.model_validate(each) for each in wordings) for kind, wordings in raw.items()}


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its holes filled; `Invalid` names a hole that nothing fills."""
    try:
        return text.format_map(values)
    except KeyError as error:
        known = ", ".join(sorted(values))
        raise Invalid(f"the ticket's text {text[:60]!r} asks for {error}, which is none of: {known}") from error


def values(site: Site) -> dict[str, str]:
    """What a text may say about `site`."""
    plan = site.plan
    return {
        "customer": plan.customer,
        "name": plan.name,
        "instance_id": site.instance,
        "standby_id": site.standby,
        "public_ip": site.address,
        "volume_id": site.volume,
        "group_id": site.group,
        "vpc_id": site.vpc,
        "port": str(plan.asked_port or plan.port),
        "service_port": str(plan.port),
        "source": plan.source,
        "destination": plan.destination,
        "destination_port": str(plan.destination_port),
        "gib": str(plan.gib),
        "wanted_gib": str(plan.wanted_gib),
        "type": plan.type,
        "wanted_type": plan.wanted_type,
    }
