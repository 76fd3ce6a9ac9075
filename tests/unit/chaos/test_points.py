"""Nothing commits, publishes or calls out without a failpoint: the fault matrix is as complete as the code."""

import pytest

from chaos.points import Leaf, leaves, points

ELSEWHERE = {
    "PostgresStore._bound": "reads; what writes goes through _transaction, which has the failpoint",
    "PostgresFigures._transaction": "reads; keep, which writes, has the failpoint",
}
"""Functions that need none, and why."""
LEAVES = list(leaves())


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"{leaf.path}:{leaf.function}:{leaf.line}")
def test_what_commits_publishes_or_calls_out_has_a_failpoint(leaf: Leaf) -> None:
    assert leaf.guarded or leaf.function in ELSEWHERE, f"{leaf.path}:{leaf.line}: {leaf.kind}, and no failpoint"


def test_the_kinds_of_leaves_that_there_are_are_all_found() -> None:
    assert {leaf.kind for leaf in LEAVES} == {
        "a transaction",
        "a commit",
        "a commit by a context",
        "a publication",
        "a commit of offsets",
        "a gRPC call",
        "a call of the index",
        "a call of a model",
        "a file put in its place",
    }


def test_every_exception_is_still_one() -> None:
    unguarded = {leaf.function for leaf in LEAVES if not leaf.guarded}
    assert set(ELSEWHERE) == unguarded


def test_points_have_both_moments() -> None:
    assert {"store.commit.before", "store.commit.after", "bus.send.after", "tools.call.before"} <= set(points())
    assert len(points()) == len(set(points()))
