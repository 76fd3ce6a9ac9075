"""The cloud domain's part in `aivis eval diagnosis`: stage faults, hand the tickets in, wait, judge."""

import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from aivis import identity
from aivis.cli.client import Client
from aivis.cli.embedded import REGION, SOURCE
from aivis.errors import Transient
from domains.cloud.demo.handing_in import hand_in
from domains.cloud.demo.report import Row
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.judge import State, judge_all
from domains.cloud.lab.single import each, single
from domains.cloud.lab.staging import StagedTicket

COMBINED = ("powered-off", "door-missing", "door-for-others", "acl-stops-requests", "acl-stops-answers", "route-gone",
            "gateway-loose", "address-lost", "table-swapped")  # fmt: skip
"""Faults that can befall one site together and show as the same symptom."""
_DRAWS = 12
_LONGEST = 240.0
_REST = {"resolved", "closed", "waiting-for-expert", "waiting-for-customer"}
_QUIET = 4.0


def play(client: Client, count: int, seed: int) -> list[dict[str, Any]]:
    """How every case with `count` faults went; the fields of `learning.evaluation.diagnosis.Diagnosis`."""
    endpoint = Endpoint(url=client.run.cloud, region=REGION)
    staged = each(endpoint, client.run.tenant, seed=seed) if count == 1 else _several(endpoint, client, count, seed)
    _until_ready(client)
    hand_in(client, staged)
    _until_rest(client, len(staged))
    verdicts = judge_all(staged).verdicts
    return [_gone(client, ticket, verdicts[ticket.ticket]) for ticket in staged]


def _several(endpoint: Endpoint, client: Client, count: int, seed: int) -> list[StagedTicket]:
    random = Random(seed)  # noqa: S311 - a repeatable draw, no secret
    draws = {tuple(sorted(random.sample(COMBINED, count))) for _ in range(_DRAWS)}
    tenant = client.run.tenant
    return [single(endpoint, tenant, *kinds, seed=seed + at) for at, kinds in enumerate(sorted(draws))]


def _until_ready(client: Client) -> None:
    until = time.monotonic() + 90
    for base in (
        client.run.gateway,
        client.run.planner,
        client.run.reasoner,
        client.run.executor,
        client.run.retriever,
    ):
        while not (answer := client.ready(base))["ready"]:
            if time.monotonic() > until:
                raise Transient(f"{base} is not ready: {answer}")
            time.sleep(0.2)


def _until_rest(client: Client, count: int) -> None:
    until, seen = time.monotonic() + _LONGEST, (-1, time.monotonic())
    while time.monotonic() < until:
        cases = client.cases()
        progress = sum(case["sequence"] for case in cases)
        if progress != seen[0]:
            seen = (progress, time.monotonic())
        quiet = time.monotonic() - seen[1] > _QUIET
        if quiet and len(cases) == count and all(case["status"] in _REST for case in cases):
            return
        time.sleep(0.3)


def _gone(client: Client, ticket: StagedTicket, verdict: Any) -> dict[str, Any]:
    id = identity.case_id(client.run.tenant, SOURCE, ticket.ticket)
    events = client.events(id)
    ended: Mapping[str, Any] = next(
        (event["data"] for event in events if event["type"] == "aivis.subtask.ended"), {"fault": ""}
    )
    row = Row(ticket, client.case(id), verdict, (), 0.0)
    return {
        "kinds": ticket.kinds[:1] if len(set(ticket.kinds)) == 1 else ticket.kinds,
        "solved": not row.missed,
        "harmful": verdict.state is State.HARMED,
        "why": row.missed,
        "fault": ended["fault"],
        "intent": _intent(events),
        "checks": _checks(events),
    }


def _intent(events: Sequence[Mapping[str, Any]]) -> str:
    plans = [event["data"]["plan"] for event in events if event["type"] == "aivis.plan.made"]
    return str(plans[-1]["subtasks"][0]["intent"]) if plans and plans[-1]["subtasks"] else ""


def _checks(events: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The checks before the first remedy: what it took to find the fault."""
    found: list[dict[str, Any]] = []
    for event in events:
        for action in event["data"].get("actions", ()):
            if action["purpose"] == "remedy":
                return tuple(found)
            if action["purpose"] == "check":
                found.append({"tool": action["tool"]})
    return tuple(found)
