"""Tenants take turns, whoever has much: the stores' part, on SQLite and PostgreSQL."""

from collections import Counter
from collections.abc import Sequence

from aivis.mailbox.ports import Store
from aivis.mailbox.values import Arrival, Key, Lease, Rooms
from tests.contract.test_store import arrival, commit, outgoing, receive, store, write

__all__ = ["store"]


def messages(tenant: str, count: int) -> list[Arrival]:
    """One each for `count` keys of `tenant`."""
    return [arrival(f"{tenant}-{n}", Key(tenant, f"k{n}")) for n in range(count)]


def tenants(leases: Sequence[Lease]) -> Counter[str]:
    return Counter([lease.key.tenant for lease in leases])


async def test_one_key_is_among_the_first_leased_behind_ten_thousand_of_another_tenant(store: Store) -> None:
    await receive(store, messages("flood", 10_000))
    await receive(store, messages("small", 1))
    leases = await store.lease(4, seconds=30, messages=10)
    assert tenants(leases) == {"flood": 3, "small": 1}
    assert [lease.key.name for lease in leases if lease.key.tenant == "flood"] == ["k0", "k1", "k2"]


async def test_three_tenants_get_the_same_and_what_one_leaves_the_others_get(store: Store) -> None:
    for tenant, count in (("a", 50), ("b", 2), ("c", 50)):
        await receive(store, messages(tenant, count))
    assert tenants(await store.lease(22, seconds=30, messages=10)) == {"a": 10, "b": 2, "c": 10}


async def test_who_has_keys_already_comes_behind_who_has_none(store: Store) -> None:
    await receive(store, messages("flood", 10))
    await receive(store, messages("small", 1))
    rooms = Rooms(10, {"flood": (5, 5)})
    assert tenants(await store.lease(1, seconds=30, messages=10, rooms=rooms)) == {"small": 1}


async def test_no_tenant_gets_more_keys_than_it_has_room_for(store: Store) -> None:
    await receive(store, messages("flood", 10))
    await receive(store, messages("small", 3))
    await receive(store, messages("none", 1))
    rooms = Rooms(2, {"flood": (5, 4), "none": (1, 0)})
    assert tenants(await store.lease(10, seconds=30, messages=10, rooms=rooms)) == {"flood": 4, "small": 2}


async def test_what_is_leased_on_receipt_keeps_to_the_rooms_too(store: Store) -> None:
    both = [*messages("flood", 10), *messages("small", 3)]
    rooms = Rooms(2, {"flood": (5, 4)})
    _, leases = await store.receive(both, 10, seconds=30, messages=10, rooms=rooms)
    assert tenants(leases) == {"flood": 4, "small": 2}
    assert tenants(await store.lease(20, seconds=30, messages=10)) == {"flood": 6, "small": 1}


async def test_a_key_with_very_many_messages_hides_no_other_for_long(store: Store) -> None:
    await receive(store, [arrival(f"1-{n}", Key("acme", "busy")) for n in range(1_000)])
    await receive(store, [arrival("2", Key("acme", "other"))])
    found = [*await store.lease(5, seconds=30, messages=10), *await store.lease(5, seconds=30, messages=10)]
    assert [lease.key.name for lease in found] == ["busy", "other"]


async def test_one_event_is_among_the_first_published_behind_many_of_another_tenant(store: Store) -> None:
    for tenant, count in (("flood", 300), ("small", 1)):
        _, leases = await store.receive(messages(tenant, count), 300, seconds=30, messages=1)
        rows = [(lease, outgoing(f"{lease.key.tenant}-{lease.key.name}", "/".join(lease.key))) for lease in leases]
        await commit(store, [write(lease, outbox=(row,)) for lease, row in rows])
    claimed = await store.claim(4, seconds=30)
    assert Counter([row.key.partition("/")[0] for row in claimed]) == {"flood": 3, "small": 1}


async def test_depths_and_timers_are_told_by_tenant(store: Store) -> None:
    await receive(store, [*messages("a", 3), *messages("b", 1)])
    depths = await store.depths()
    assert (depths.inbox, depths.tenants) == (4, {"a": 3, "b": 1})
    assert await store.timers_set("ask-again") == {}
