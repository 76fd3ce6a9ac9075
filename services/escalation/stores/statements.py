"""What both stores say to their databases; `{}` stands where placeholders differ."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from services.escalation.ports import Group, Kept

COLUMNS = (
    "tenant", "name", "version", "updated_at", "opened_at", "scenario", "outcome", "independent", "escalated",
    "reopened", "proposals", "adopted", "effects", "effects_right", "calls", "calls_right", "first_response",
    "resolution",
)  # fmt: skip
_SETS = ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:])
KEEP = (
    "insert into case_figures (" + ", ".join(COLUMNS) + ") values ({})"  # noqa: S608 - all ours
    " on conflict (tenant, name) do update set " + _SETS + " where excluded.version >= case_figures.version"
)
_SUMS = tuple(field.name for field in fields(Group))[4:]
LATEST = "select max(updated_at) from case_figures"
GROUPS = (
    "select tenant, scenario, outcome, independent, count(*), sum(escalated), sum(reopened), sum(proposals),"
    " sum(adopted), sum(effects), sum(effects_right), sum(calls), sum(calls_right), count(first_response),"
    " coalesce(sum(first_response), 0), count(resolution), coalesce(sum(resolution), 0)"
    " from case_figures where {} group by tenant, scenario, outcome, independent order by 1, 2, 3, 4"
)


def values(row: Kept) -> tuple[Any, ...]:
    """The row in the order of `COLUMNS`."""
    figures = row.figures
    return (
        row.tenant,
        row.case,
        row.version,
        row.updated_at.timestamp(),
        row.opened_at.timestamp(),
        figures.scenario,
        figures.outcome,
        int(figures.independent),
        int(figures.escalated),
        figures.reopened,
        figures.proposals,
        figures.adopted,
        figures.effects,
        figures.effects_right,
        figures.calls,
        figures.calls_right,
        figures.first_response,
        figures.resolution,
    )


def group(row: Sequence[Any]) -> Group:
    tenant, scenario, outcome, independent, *sums = row
    kinds = [float if name.endswith("_seconds") else int for name in _SUMS]
    summed: dict[str, Any] = {name: kind(value) for name, kind, value in zip(_SUMS, kinds, sums, strict=True)}
    return Group(tenant=tenant, scenario=scenario, outcome=outcome, independent=bool(independent), **summed)


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
