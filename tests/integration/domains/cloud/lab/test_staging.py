"""The demo's whole stage: quick to build, and judged as a whole."""

from time import perf_counter

import pytest

from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.judge import State, judge_all
from domains.cloud.lab.single import single
from domains.cloud.lab.staging import StagedTicket, stage
from domains.cloud.lab.tickets import demo


@pytest.fixture(scope="module")
def timed(endpoint: Endpoint) -> tuple[list[StagedTicket], float]:
    single(endpoint, "tenant-1", "all-well", seed=1)  # the server loads its catalogue with the first instance
    start = perf_counter()
    staged = stage(endpoint, "tenant-1")
    return staged, perf_counter() - start


def test_building_the_demo_takes_seconds(timed: tuple[list[StagedTicket], float]) -> None:
    staged, seconds = timed
    assert len(staged) == len(demo())
    assert seconds < 15, "4 s on two idle cores; the bound leaves room for a loaded machine"


def test_before_anyone_acts_only_the_faults_are_unsolved(timed: tuple[list[StagedTicket], float]) -> None:
    staged, _ = timed
    judgement = judge_all(staged)
    assert judgement.strays == ()
    for ticket in staged:
        verdict = judgement.verdicts[ticket.ticket]
        assert verdict.changes == ()
        assert verdict.state is not State.HARMED
        if ticket.expectation in (Expectation.FIXED, Expectation.ASKED) and ticket.kinds != ("restart",):
            assert (verdict.state, verdict.as_expected) == (State.UNSOLVED, False), ticket.ticket
        else:
            assert verdict.as_expected, ticket.ticket


def test_no_hole_is_left_in_any_text(timed: tuple[list[StagedTicket], float]) -> None:
    for ticket in timed[0]:
        assert not {"{", "}"} & set(ticket.subject + ticket.text + ticket.follow_up), ticket.ticket


def test_the_ticket_with_two_problems_is_about_two_instances(timed: tuple[list[StagedTicket], float]) -> None:
    (ticket,) = [each for each in timed[0] if len(each.kinds) > 1]
    assert all(site.instance in ticket.text for site in ticket.sites)
    assert len({site.instance for site in ticket.sites}) == 2


def test_building_one_site_takes_about_a_second(endpoint: Endpoint) -> None:
    start = perf_counter()
    single(endpoint, "tenant-1", "powered-off", seed=2)
    assert perf_counter() - start < 5, "0.4 s on two idle cores; the bound leaves room for a loaded machine"
