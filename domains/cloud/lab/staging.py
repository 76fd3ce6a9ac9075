"""Put tickets on stage: build their sites, break them, and fill the texts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from aivis.errors import Invalid
from domains.cloud.lab.account import Account
from domains.cloud.lab.api import WORKERS, Endpoint, connect
from domains.cloud.lab.ends import Facts
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.goals import Goal
from domains.cloud.lab.reading import read
from domains.cloud.lab.tickets import Ticket, demo, filled, values
from domains.cloud.lab.wishes import KINDS
from domains.cloud.lab.world import Plan, Site, build

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


class StagedTicket(BaseModel):
    """A ticket whose world stands, and broke: ready to be handed in."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    ticket: str
    customer: str
    subject: str
    text: str
    follow_up: str
    """What the customer writes when the agent asks; empty: nothing more is to be had."""
    expectation: Expectation
    also: tuple[Expectation, ...]
    """Other ends that are as good."""
    kinds: tuple[str, ...]
    """Keys of `domains.cloud.lab.wishes.KINDS`: what befell the sites it is about; none where it has no site."""
    trouble: str
    """What is wrong, for people."""
    sites: tuple[Site, ...] = Field(repr=False)
    subjects: int = Field(repr=False)
    """How many of the sites, from the first on, the ticket is about."""
    goals: tuple[Goal, ...] = Field(repr=False)
    endpoint: Endpoint = Field(repr=False)
    healthy: Account = Field(repr=False)
    """The tickets' part of the account before anything broke."""
    before: Account = Field(repr=False)
    """The whole account when the ticket was handed in."""


class _Scene(NamedTuple):
    site: Site
    facts: Facts


def stage(
    endpoint: Endpoint, tenant: str, *, tickets: Sequence[Ticket] | None = None, first: int = 0
) -> list[StagedTicket]:
    """Build and break the worlds of `tickets` (the demo's by default) for customers of `tenant`.

    `first` numbers the first site: VPCs are 10.FIRST.0.0/16 and on. `Invalid` for a kind or a hole unknown;
    botocore's errors pass through where the endpoint does not answer.
    """
    wanted = demo() if tickets is None else tickets
    ec2 = connect(endpoint)
    plans = [_shaped(plan) for ticket in wanted for plan in ticket.sites]
    numbered = [plan.model_copy(update={"number": (first + at) % 256}) for at, plan in enumerate(plans)]
    with ThreadPoolExecutor(WORKERS) as pool:
        sites = list(pool.map(lambda plan: build(ec2, plan, tenant), numbered))
        healthy = read(ec2, [site.vpc for site in sites])
        scenes = iter([_Scene(*each) for each in zip(sites, pool.map(lambda s: _happen(ec2, s), sites), strict=True)])
        before = read(ec2)
    return [
        _staged(ticket, [next(scenes) for _ in ticket.sites], _Stage(endpoint, healthy, before)) for ticket in wanted
    ]


class _Stage(NamedTuple):
    endpoint: Endpoint
    healthy: Account
    before: Account


def _shaped(plan: Plan) -> Plan:
    for kind in plan.kinds:
        if kind not in KINDS:
            raise Invalid(f"site {plan.name}: no kind {kind!r}; known are: {', '.join(sorted(KINDS))}")
        plan = KINDS[kind].shape(plan)
    return plan


def _happen(ec2: EC2Client, site: Site) -> Facts:
    facts: dict[str, str] = {}
    for kind in site.plan.kinds:
        facts.update(KINDS[kind].happen(ec2, site) or {})
    return facts


def _staged(ticket: Ticket, scenes: Sequence[_Scene], stage: _Stage) -> StagedTicket:
    about = scenes[: ticket.subjects]
    kinds = [(scene, kind) for scene in about for kind in scene.site.plan.kinds]
    holes = _holes(scenes)
    return StagedTicket(
        ticket=ticket.ticket,
        customer=ticket.customer,
        subject=filled(ticket.subject, holes),
        text=filled(ticket.text, holes),
        follow_up=filled(ticket.follow_up, holes),
        expectation=ticket.expect,
        also=ticket.also,
        kinds=tuple(kind for _, kind in kinds),
        trouble="; ".join(KINDS[kind].says for _, kind in kinds) or "no fault in the cloud",
        sites=tuple(scene.site for scene in scenes),
        subjects=ticket.subjects,
        goals=tuple(goal for scene, kind in kinds for goal in KINDS[kind].goals(scene.site, scene.facts)),
        endpoint=stage.endpoint,
        healthy=stage.healthy,
        before=stage.before,
    )


def _holes(scenes: Sequence[_Scene]) -> Mapping[str, str]:
    holes: dict[str, str] = {}
    for prefix, scene in zip(("", "second_"), scenes, strict=False):
        known = {**values(scene.site), **scene.facts}
        holes.update({f"{prefix}{name}": value for name, value in known.items()})
    return holes
