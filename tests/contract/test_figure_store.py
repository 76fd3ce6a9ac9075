"""One suite holds every table of figures to the port: SQLite always, PostgreSQL where AIVIS_TEST_POSTGRES names one."""

import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.escalation.ports import FigureStore, Kept, Spread
from services.escalation.record import CaseFigures
from services.escalation.stores.sqlite import SqliteFigures

POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NEVER = datetime.fromtimestamp(0, UTC)
FIXED = CaseFigures(
    scenario="diagnostic", outcome="fixed", independent=True, escalated=False, reopened=0, proposals=2, adopted=1,
    effects=3, effects_right=2, calls=9, calls_right=8, first_response=2.0, resolution=60.0,
)  # fmt: skip
OPEN = FIXED.model_copy(update={"outcome": "open", "independent": False, "first_response": None, "resolution": None})


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FigureStore]:
    found: FigureStore
    if request.param == "sqlite":
        found = SqliteFigures(tmp_path / "figures.db")
    elif not POSTGRES:
        pytest.skip("AIVIS_TEST_POSTGRES is not set: `make servers` starts PostgreSQL and says what to set")
    else:
        from services.escalation.stores.postgres import PostgresFigures

        found = PostgresFigures(POSTGRES, schema=f"test_{uuid.uuid4().hex[:12]}")
    await found.open()
    yield found
    await found.close()


def kept(case: str, figures: CaseFigures = FIXED, *, version: int = 1, tenant: str = "acme", minutes: int = 0) -> Kept:
    at = BEGIN + timedelta(minutes=minutes)
    return Kept(tenant, case, version, at, at, figures)


async def test_an_empty_table_says_nothing(store: FigureStore) -> None:
    assert await store.groups(None, since=NEVER) == []
    assert await store.spread(None, since=NEVER) == Spread((None, None), (None, None))
    assert await store.latest() is None
    await store.ping()


async def test_sums_are_by_tenant_scenario_outcome_and_independence(store: FigureStore) -> None:
    await store.keep([kept("c1"), kept("c2"), kept("c3", OPEN), kept("c4", tenant="globex")])
    fixed, still_open, other = await store.groups(None, since=NEVER)

    assert (fixed.tenant, fixed.outcome, fixed.independent, fixed.cases) == ("acme", "fixed", True, 2)
    assert (fixed.effects, fixed.effects_right, fixed.calls_right, fixed.adopted) == (6, 4, 16, 2)
    assert (fixed.responses, fixed.response_seconds, fixed.resolutions, fixed.resolution_seconds) == (2, 4.0, 2, 120.0)
    assert (still_open.outcome, still_open.responses, still_open.response_seconds) == ("open", 0, 0.0)
    assert (other.tenant, other.cases) == ("globex", 1)


async def test_a_tenant_s_sums_have_nothing_of_others(store: FigureStore) -> None:
    await store.keep([kept("c1"), kept("c2", tenant="globex")])

    assert [group.tenant for group in await store.groups(["globex"], since=NEVER)] == ["globex"]
    assert await store.groups(["nobody"], since=NEVER) == []
    assert (await store.spread(["nobody"], since=NEVER)).resolution == (None, None)


async def test_a_case_counts_once_as_it_stands_now(store: FigureStore) -> None:
    await store.keep([kept("c1")])
    await store.keep([kept("c1", OPEN, version=2)])

    assert [(group.outcome, group.cases) for group in await store.groups(None, since=NEVER)] == [("open", 1)]


async def test_an_older_row_changes_nothing(store: FigureStore) -> None:
    await store.keep([kept("c1", version=2)])
    await store.keep([kept("c1", OPEN, version=1)])

    assert [group.outcome for group in await store.groups(None, since=NEVER)] == ["fixed"]


async def test_the_same_row_again_changes_nothing(store: FigureStore) -> None:
    await store.keep([kept("c1")])
    await store.keep([kept("c1")])

    assert [group.cases for group in await store.groups(None, since=NEVER)] == [1]


async def test_only_cases_opened_since_then_count(store: FigureStore) -> None:
    await store.keep([kept("c1"), kept("c2", minutes=10)])
    since = BEGIN + timedelta(minutes=5)

    assert [group.cases for group in await store.groups(None, since=since)] == [1]
    assert await store.latest() == BEGIN + timedelta(minutes=10)


async def test_a_percentile_between_two_cases_lies_between_them(store: FigureStore) -> None:
    await store.keep([kept(f"c{n}", FIXED.model_copy(update={"resolution": float(n)})) for n in range(1, 5)])
    spread = await store.spread(["acme"], since=NEVER)

    assert spread.resolution == pytest.approx((2.5, 3.7))


async def test_the_spread_is_the_middle_and_the_ninth_tenth(store: FigureStore) -> None:
    rows = [kept(f"c{n}", FIXED.model_copy(update={"resolution": float(n)})) for n in range(1, 12)]
    await store.keep([*rows, replace(kept("open"), figures=OPEN)])
    spread = await store.spread(["acme"], since=NEVER)

    assert spread.resolution == (6.0, 10.0)
    assert spread.first_response == (2.0, 2.0)
