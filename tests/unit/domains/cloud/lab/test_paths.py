from dataclasses import replace

import pytest

from domains.cloud.lab.account import Item, Nat, Rule
from domains.cloud.lab.paths import Flow, obstacles
from tests.unit.domains.cloud.lab.accounts import (
    ACL,
    ADDRESS,
    ALL,
    GATEWAY,
    GROUP,
    LOCAL,
    MACHINE,
    OFFICE,
    PUBLIC,
    SOUND_ENTRIES,
    SOURCE,
    account,
    entry,
)

IN = Flow("i-1", 443, SOURCE)
OUT = Flow("i-1", 443, "198.51.100.20/32", outbound=True)


def _denies(number: int, *, egress: bool, rule: Rule) -> Item:
    return replace(ACL, entries=SOUND_ENTRIES | {entry(number, egress=egress, allow=False, rule=rule)})


def test_a_sound_site_is_reached_and_reaches_out() -> None:
    assert obstacles(account(), IN) == ()
    assert obstacles(account(), OUT) == ()


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (replace(MACHINE, state="stopped"), "stopped"),
        (replace(ADDRESS, instance="i-2"), "no elastic address"),
        (replace(GROUP, ingress=frozenset()), "security groups"),
        (replace(GROUP, ingress=frozenset({Rule("tcp", 443, 443, "198.18.0.0/24")})), "security groups"),
        (replace(GROUP, ingress=frozenset({Rule("udp", 443, 443, OFFICE)})), "security groups"),
        (_denies(80, egress=False, rule=Rule("tcp", 443, 443, OFFICE)), "requests going in"),
        (_denies(80, egress=True, rule=Rule("tcp", 40000, 40000, OFFICE)), "answers going out"),
        (replace(PUBLIC, routes=frozenset({LOCAL})), "leads to nothing"),
        (replace(PUBLIC, routes=frozenset({LOCAL, (ALL, "nat-1")})), "nat-1"),
        (replace(PUBLIC, routes=frozenset({LOCAL, (ALL, "igw-1"), (OFFICE, "")})), "203.0.113.7"),
        (replace(PUBLIC, subnets=frozenset()), "leads to nothing"),
        (replace(GATEWAY, vpc=""), "igw-1"),
    ],
)
def test_each_thing_in_the_way_in_is_named(changed: Item, word: str) -> None:
    assert any(word in found for found in obstacles(account(changed, Nat("nat-1", "", "", "vpc-1", "deleted")), IN))


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (replace(GROUP, egress=frozenset()), "let out"),
        (_denies(80, egress=True, rule=Rule("tcp", 443, 443, "198.51.100.0/24")), "requests going out"),
        (_denies(80, egress=False, rule=Rule("tcp", 1024, 65535, ALL)), "answers going in"),
    ],
)
def test_each_thing_in_the_way_out_is_named(changed: Item, word: str) -> None:
    assert any(word in found for found in obstacles(account(changed), OUT))


def test_security_groups_remember_connections_so_closed_egress_does_not_stop_answers() -> None:
    assert obstacles(account(replace(GROUP, egress=frozenset())), IN) == ()


def test_a_refusal_behind_an_allowing_entry_does_not_count() -> None:
    assert obstacles(account(_denies(200, egress=False, rule=Rule("tcp", 443, 443, ALL))), IN) == ()


def test_everyone_gets_through_only_if_no_part_of_the_internet_is_left_out() -> None:
    everyone = Flow("i-1", 443, ALL)
    assert obstacles(account(), everyone) != ()
    assert obstacles(account(replace(GROUP, ingress=frozenset({Rule("tcp", 443, 443, ALL)}))), everyone) == ()


def test_an_instance_that_is_not_there_is_not_reached() -> None:
    assert obstacles(account(without=("i-1",)), IN) == ("instance i-1 does not exist",)
