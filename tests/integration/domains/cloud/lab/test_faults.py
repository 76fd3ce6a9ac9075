"""Every fault kind alone: seen while it lasts, seen to be gone once a person has mended it by hand."""

import pytest

from domains.cloud.lab.api import Endpoint, connect
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.judge import State, judge, judge_all
from domains.cloud.lab.single import FAULT_KINDS, each, single
from domains.cloud.lab.staging import StagedTicket
from tests.integration.domains.cloud.lab.repairs import REPAIRS

NOTHING_WRONG = ("all-well", "port-mistaken")
BEYOND_REPAIR = ("instance-gone", "addresses-used-up")


@pytest.fixture(scope="module")
def staged(endpoint: Endpoint) -> dict[str, StagedTicket]:
    return {ticket.kinds[0]: ticket for ticket in each(endpoint, "tenant-1", seed=11)}


@pytest.fixture(scope="module")
def mended(staged: dict[str, StagedTicket]) -> dict[str, tuple[State, State]]:
    """The state of each kind before and after the repair by hand."""
    tickets = list(staged.values())
    first = judge_all(tickets).verdicts
    for kind, ticket in staged.items():
        if kind in REPAIRS:
            REPAIRS[kind](connect(ticket.endpoint), ticket.sites[0])
    last = judge_all(tickets)
    assert not [words for words in last.strays if "eipalloc" not in words]
    return {kind: (first[each.ticket].state, last.verdicts[each.ticket].state) for kind, each in staged.items()}


def test_every_kind_is_mended_beyond_repair_or_nothing_at_all() -> None:
    assert sorted((*REPAIRS, *NOTHING_WRONG, *BEYOND_REPAIR)) == sorted(FAULT_KINDS)


@pytest.mark.parametrize("kind", REPAIRS)
def test_a_fault_is_unsolved_until_a_repair_by_hand_solves_it(
    mended: dict[str, tuple[State, State]], kind: str
) -> None:
    assert mended[kind] == (State.UNSOLVED, State.SOLVED)


@pytest.mark.parametrize("kind", NOTHING_WRONG)
def test_where_nothing_is_wrong_nothing_is_missing(mended: dict[str, tuple[State, State]], kind: str) -> None:
    assert mended[kind] == (State.SOLVED, State.SOLVED)


@pytest.mark.parametrize("kind", BEYOND_REPAIR)
def test_a_single_judgement_sees_that_nothing_was_touched(staged: dict[str, StagedTicket], kind: str) -> None:
    verdict = judge(staged[kind])
    assert verdict.changes == ()
    assert verdict.as_expected


@pytest.mark.parametrize("kind", BEYOND_REPAIR)
def test_what_cannot_be_mended_stays_unsolved(mended: dict[str, tuple[State, State]], kind: str) -> None:
    assert mended[kind] == (State.UNSOLVED, State.UNSOLVED)


def test_texts_carry_the_ids_of_their_own_world(staged: dict[str, StagedTicket]) -> None:
    for ticket in staged.values():
        site = ticket.sites[0]
        names = (site.instance, site.address, site.volume, site.vpc, site.plan.name, site.plan.customer)
        assert any(name in ticket.subject + ticket.text for name in names), ticket.text


def test_two_faults_on_one_site_are_solved_only_when_both_are_mended(endpoint: Endpoint) -> None:
    ticket = single(endpoint, "tenant-1", "powered-off", "route-gone", seed=5)
    ec2, site = connect(endpoint), ticket.sites[0]
    REPAIRS["powered-off"](ec2, site)
    half = judge(ticket)
    REPAIRS["route-gone"](ec2, site)
    assert (half.state, judge(ticket).state) == (State.UNSOLVED, State.SOLVED)


def test_what_was_done_is_told_in_words(endpoint: Endpoint) -> None:
    ticket = single(endpoint, "tenant-1", "powered-off", seed=6)
    site = ticket.sites[0]
    REPAIRS["powered-off"](connect(endpoint), site)
    verdict = judge(ticket)
    assert verdict.changes == (f"instance {site.instance} ({site.plan.name}): state stopped -> running",)
    assert verdict.as_expected


def test_what_is_to_be_handed_over_may_be_left_as_it_is(endpoint: Endpoint) -> None:
    ticket = single(endpoint, "tenant-1", "names-unresolved", seed=7)
    assert ticket.expectation is Expectation.ESCALATED
    verdict = judge(ticket)
    assert (verdict.state, verdict.as_expected) == (State.UNSOLVED, True)
