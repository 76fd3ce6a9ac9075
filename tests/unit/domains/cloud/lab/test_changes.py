from dataclasses import replace

from domains.cloud.lab.account import Copy
from domains.cloud.lab.changes import changes
from tests.unit.domains.cloud.lab.accounts import ADDRESS, ALL, LOCAL, MACHINE, NETWORK, PUBLIC, account


def test_nothing_changed_is_told_as_nothing() -> None:
    assert changes(account(), account()) == ()


def test_a_field_is_told_with_its_old_and_new_value() -> None:
    (change,) = changes(account(replace(MACHINE, state="stopped")), account())
    assert change.words == "instance i-1 (web): state stopped -> running"


def test_a_switch_is_told_as_on_and_off() -> None:
    (change,) = changes(account(), account(replace(NETWORK, resolves_names=False)))
    assert change.words == "VPC vpc-1: resolves_names on -> off"


def test_a_turned_route_is_told_as_one_lost_and_one_gained() -> None:
    dead = account(replace(PUBLIC, routes=frozenset({LOCAL, (ALL, "nat-1")})))
    assert [change.words for change in changes(dead, account())] == [
        "route table rtb-1: routes without 0.0.0.0/0 = nat-1",
        "route table rtb-1: routes with 0.0.0.0/0 = igw-1",
    ]


def test_things_that_came_and_went_are_told() -> None:
    copy = Copy("snap-1", "", "", "", "vol-1")
    found = changes(account(), account(copy, without=(ADDRESS.id,)))
    assert [change.words for change in found] == [
        "address eipalloc-1 (127.0.0.9): released",
        "snapshot snap-1: new",
    ]
