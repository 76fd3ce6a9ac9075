import re
from string import Formatter

import pytest

from aivis.errors import Invalid
from domains.cloud.lab.expectations import Expectation
from domains.cloud.lab.faults import FAULTS
from domains.cloud.lab.single import FAULT_KINDS, drawn
from domains.cloud.lab.tickets import Ticket, demo, filled, phrasings, values
from domains.cloud.lab.wishes import KINDS, WISHES
from tests.unit.domains.cloud.lab.accounts import SITE

_FROM_FAULTS = {"idle_ip"}


def _holes(text: str) -> set[str]:
    return {name.removeprefix("second_") for _, name, _, _ in Formatter().parse(text) if name}


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def test_the_demo_has_tickets_of_every_fault_kind_and_every_wish() -> None:
    staged = {kind for ticket in demo() for plan in ticket.sites for kind in plan.kinds}
    assert staged == set(KINDS)
    assert len(demo()) >= 26


def test_the_demo_has_tickets_of_every_expectation() -> None:
    assert {ticket.expect for ticket in demo()} == set(Expectation)


def test_no_two_tickets_of_the_demo_share_an_id_or_a_customer() -> None:
    owners = [owner for ticket in demo() for owner in {ticket.customer, *(plan.customer for plan in ticket.sites)}]
    assert len({ticket.ticket for ticket in demo()}) == len(demo())
    assert len(set(owners)) == len(owners)


@pytest.mark.parametrize("ticket", demo(), ids=lambda ticket: ticket.ticket)
def test_every_hole_of_a_demo_text_can_be_filled(ticket: Ticket) -> None:
    holes = _holes(ticket.subject + ticket.text + ticket.follow_up)
    assert holes <= set(values(SITE)) | _FROM_FAULTS
    assert not holes or ticket.sites


def test_whoever_is_asked_answers_and_nobody_else_does() -> None:
    assert all(bool(ticket.follow_up) == (ticket.expect is Expectation.ASKED) for ticket in demo())


def test_every_fault_kind_has_two_or_three_wordings_of_its_own() -> None:
    assert set(phrasings()) == set(FAULTS)
    assert {len(wordings) for wordings in phrasings().values()} <= {2, 3}


def test_no_wording_of_the_evaluation_stands_in_the_demo() -> None:
    shown = {_plain(text) for ticket in demo() for text in (ticket.subject, ticket.text)}
    wordings = [wording for each in phrasings().values() for wording in each]
    assert not shown & {_plain(wording.text) for wording in wordings}
    assert not shown & {_plain(wording.subject) for wording in wordings}
    assert len({_plain(wording.text) for wording in wordings}) == len(wordings)


def test_a_hole_that_nothing_fills_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="instance_idd"):
        filled("please start {instance_idd}", values(SITE))


def test_faults_and_wishes_share_no_name() -> None:
    assert not set(FAULTS) & set(WISHES)


def test_the_same_seed_draws_the_same_ticket_and_another_seed_another() -> None:
    first, again, other = (drawn("door-missing", seed=seed, phrasing=0) for seed in (1, 1, 2))
    assert first == again
    assert first.sites != other.sites


def test_each_phrasing_draws_another_text() -> None:
    texts = {drawn("powered-off", seed=1, phrasing=phrasing).text for phrasing in range(3)}
    assert len(texts) == 3


def test_every_fault_kind_can_be_drawn_and_its_text_filled() -> None:
    for kind in FAULT_KINDS:
        for phrasing in range(3):
            ticket = drawn(kind, seed=7, phrasing=phrasing)
            assert _holes(ticket.subject + ticket.text) <= set(values(SITE))


def test_a_mistaken_port_is_never_the_service_s_own() -> None:
    plans = [drawn("port-mistaken", seed=seed, phrasing=0).sites[0] for seed in range(50)]
    assert all(plan.asked_port not in (0, plan.port) for plan in plans)


def test_a_kind_that_is_no_fault_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="door-missin; known are: powered-off"):
        drawn("door-missin", seed=0, phrasing=0)
