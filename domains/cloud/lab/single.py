"""One fault at a time, with everything about it drawn from a seed: what an evaluation runs."""

from random import Random

from aivis.errors import Invalid
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.faults import FAULTS
from domains.cloud.lab.staging import StagedTicket, stage
from domains.cloud.lab.tickets import Phrasing, Ticket, phrasings
from domains.cloud.lab.world import Plan

FAULT_KINDS = tuple(FAULTS)
"""What `single` can stage, in the order of `domains.cloud.lab.faults`."""

_PORTS = (22, 443, 3306, 5432, 6379, 8080, 8443, 9000)
_TRADES = "orders invoices search billing ledger catalogue mail wiki intranet metrics backup sensors".split()
_TYPES = ("t3.medium", "t3.large", "t3.xlarge", "m5.large")


def single(endpoint: Endpoint, tenant: str, *kinds: str, seed: int = 0, phrasing: int = 0) -> StagedTicket:
    """Stage one site that all `kinds` befall (usually one), drawn from `seed`.

    `phrasing` picks the wording, modulo how many there are. The same arguments give the same ticket but for the
    ids the cloud gives out. `Invalid` for a kind that is no fault.
    """
    return stage(endpoint, tenant, tickets=[drawn(*kinds, seed=seed, phrasing=phrasing)], first=seed % 256)[0]


def each(endpoint: Endpoint, tenant: str, *, seed: int = 0, phrasing: int = 0) -> list[StagedTicket]:
    """Every fault kind alone, each with a customer and a site of its own, built at the same time."""
    tickets = [drawn(kind, seed=seed, phrasing=phrasing) for kind in FAULT_KINDS]
    return stage(endpoint, tenant, tickets=tickets, first=seed % 256)


def drawn(*kinds: str, seed: int, phrasing: int) -> Ticket:
    """The ticket that `single` stages."""
    unknown = [kind for kind in kinds if kind not in FAULTS]
    if unknown or not kinds:
        raise Invalid(f"no fault kind {', '.join(unknown) or 'given'}; known are: {', '.join(FAULT_KINDS)}")
    label = "-".join(kinds)
    random = Random(f"{seed}/{label}/{phrasing}")  # noqa: S311 - a repeatable draw, no secret
    plan = _plan(random, kinds)
    wordings = [_pick(kind, phrasing) for kind in kinds]
    return Ticket(
        ticket=f"{label}-{seed}-{phrasing}",
        customer=plan.customer,
        subject=wordings[0].subject,
        text="\n\n".join(wording.text for wording in wordings),
        expect=_expectation(kinds),
        also=(Expectation.FINDING,) if kinds == ("addresses-used-up",) else (),
        sites=(plan,),
    )


def _pick(kind: str, phrasing: int) -> Phrasing:
    wordings = phrasings()[kind]
    return wordings[phrasing % len(wordings)]


def _expectation(kinds: tuple[str, ...]) -> Expectation:
    ends = {FAULTS[kind].expectation for kind in kinds}
    return ends.pop() if len(ends) == 1 else Expectation.ESCALATED


def _plan(random: Random, kinds: tuple[str, ...]) -> Plan:
    number = random.randrange(10_000)
    port = random.choice(_PORTS)
    gib = random.choice((8, 20, 30, 50))
    return Plan(
        customer=f"customer-{number:04d}-{'-'.join(kinds)}",
        name=f"{random.choice(_TRADES)}-{number:04d}",
        kinds=kinds,
        port=port,
        asked_port=random.choice([other for other in _PORTS if other != port]) if "port-mistaken" in kinds else 0,
        source=f"203.0.113.{random.randrange(1, 255)}",
        destination=f"198.51.100.{random.randrange(1, 255)}",
        destination_port=random.choice((25, 443, 587, 8443)),
        gib=gib,
        wanted_gib=gib + random.choice((10, 30, 70)),
        wanted_type=random.choice(_TYPES),
    )
