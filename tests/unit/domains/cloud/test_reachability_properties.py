"""The analyser and the brute-force packet evaluator agree on networks drawn at random."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.cloud.reachability import addresses, egress, path
from domains.cloud.topology import (
    Acl,
    AclRule,
    Group,
    GroupRule,
    Host,
    Interface,
    Nat,
    Network,
    Route,
    RouteTable,
    Subnet,
)
from tests.unit.domains.cloud.packets import World

VPC = IPv4Network("10.20.0.0/16")
HOME, OTHER, NAT = IPv4Network("10.20.1.0/24"), IPv4Network("10.20.2.0/24"), IPv4Network("10.20.3.0/24")
ME, NEIGHBOUR, COUSIN = IPv4Address("10.20.1.4"), IPv4Address("10.20.1.5"), IPv4Address("10.20.2.5")
POOLS = ["203.0.113.0/28", "10.20.1.0/28", "10.20.2.0/28", "10.20.9.0/28", "192.168.7.0/28"]
PORTS = [22, 80, 443, 1023, 1024, 3000, 32767, 32768, 65535]
GROUPS = ["sg-a", "sg-b"]
ALL = IPv4Network("0.0.0.0/0")

ports = st.sampled_from(PORTS)
ranges = st.one_of(
    st.sampled_from([(0, 65535), (1024, 65535), (443, 443), (32768, 65535), (1024, 32767)]),
    st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair))),
)
parts = st.sampled_from(POOLS).flatmap(
    lambda pool: st.tuples(st.integers(0, 15), st.integers(28, 32)).map(
        lambda pick: IPv4Network((int(IPv4Network(pool).network_address) + pick[0], pick[1]), strict=False)
    )
)
blocks = st.one_of(st.just(ALL), st.sampled_from([VPC, HOME, OTHER]), parts)
protocols = st.sampled_from(["tcp", "tcp", "all", "udp"])


@st.composite
def acls(draw: st.DrawFn, name: str, *, odd: bool) -> Acl:
    rules = [
        AclRule(
            number=(index + 1) * 10,
            egress=draw(st.booleans()),
            protocol=draw(protocols),
            allow=draw(st.booleans()),
            network=draw(blocks),
            ports=draw(ranges),
        )
        for index in range(draw(st.integers(1, 4)) if odd else 0)
    ]
    last = [AclRule(100, out, "all", allow=True, network=ALL, ports=(0, 65535)) for out in (False, True)]
    missing = draw(st.sampled_from([None, None, None, 0, 1])) if odd else None
    kept = [rule for index, rule in enumerate(last) if index != missing]
    return Acl(name, tuple(draw(st.permutations([*rules, *kept]))))


group_rules = st.builds(
    GroupRule,
    protocol=protocols,
    ports=ranges,
    networks=st.lists(parts, max_size=1).map(tuple),
    groups=st.lists(st.sampled_from(GROUPS), max_size=1).map(tuple),
)
OPEN = GroupRule("all", (0, 65535), (ALL,))
sides = st.one_of(st.just((OPEN,)), st.lists(group_rules, max_size=3).map(tuple))
kinds = st.sampled_from([
    ("internet_gateway", "igw-1"), ("nat_gateway", "nat-1"), ("peering", "pcx-1"), ("network_interface", "eni-1"),
])  # fmt: skip


@st.composite
def tables(draw: st.DrawFn, name: str, *, odd: bool, default: tuple[str, str]) -> RouteTable:
    found = {VPC: Route(VPC, "local", "local", alive=True)}
    for block in draw(st.lists(st.one_of(st.just(ALL), parts), min_size=1, max_size=3)) if odd else []:
        kind, target = draw(kinds)
        found.setdefault(block, Route(block, target, kind, alive=draw(st.sampled_from([True, True, False]))))
    if not odd or draw(st.booleans()):
        kind, target = default
        found.setdefault(ALL, Route(ALL, target, kind, alive=True))
    return RouteTable(name, tuple(draw(st.permutations(list(found.values())))))


def without_gateway(table: RouteTable) -> RouteTable:
    """Routes to an internet gateway are dead when none is attached."""
    return RouteTable(
        table.id, tuple(replace(each, alive=False) if each.target == "igw-1" else each for each in table.routes)
    )


COMPONENTS = ["acl-home", "acl-other", "acl-nat", "rtb-home", "rtb-other", "rtb-nat", "sg-a", "sg-b", "igw", "public",
              "state"]  # fmt: skip


@st.composite
def worlds(draw: st.DrawFn, among: list[str]) -> tuple[Network, Host]:
    """A network in which everything gets through, but for at most three components drawn from `among`."""
    odd = draw(st.sets(st.sampled_from(among), min_size=1, max_size=3))
    leads = {"home": draw(kinds), "other": ("internet_gateway", "igw-1"), "nat": ("internet_gateway", "igw-1")}
    gateway = "igw" not in odd
    subnets = {}
    for name, block in (("home", HOME), ("other", OTHER), ("nat", NAT)):
        table = draw(tables(f"rtb-{name}", odd=f"rtb-{name}" in odd, default=leads[name]))
        acl = draw(acls(f"acl-{name}", odd=f"acl-{name}" in odd))
        subnets[name] = Subnet(name, block, acl, table if gateway else without_gateway(table))
    groups = {name: Group(name, *(draw(sides) if name in odd else (OPEN,) for _ in range(2))) for name in GROUPS}
    host = Host(
        id="i-1",
        state="stopped" if "state" in odd else "running",
        address=ME,
        public_address=None if "public" in odd else "198.51.100.1",
        subnet_id="home",
        group_ids=tuple(draw(held)),
    )
    interfaces = [Interface(ME, host.group_ids)]
    interfaces += [Interface(each, tuple(draw(held))) for each in (NEIGHBOUR, COUSIN) if draw(usually)]
    network = Network(
        id="vpc-1",
        blocks=(VPC,),
        gateway_id="igw-1" if gateway else None,
        subnets=subnets,
        groups=groups,
        interfaces={each.address: each for each in interfaces},
        nats={"nat-1": Nat("nat-1", draw(st.sampled_from(["nat", "home", "other"])))},
    )
    return network, host


held = st.sets(st.sampled_from(GROUPS), min_size=1, max_size=2)
usually = st.sampled_from([True, True, True, False])
peers = st.one_of(parts, st.sampled_from([NEIGHBOUR, COUSIN]).map(IPv4Network))
quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
focused = pytest.mark.parametrize(
    "among",
    [
        ["acl-home"],
        ["acl-home", "acl-other", "acl-nat"],
        ["rtb-home", "rtb-other", "rtb-nat"],
        ["sg-a", "sg-b"],
        COMPONENTS,
    ],
    ids=["home-acl", "acls", "routes", "groups", "everything"],
)


@focused
def test_a_port_is_reachable_exactly_when_every_packet_from_every_address_gets_through(among: list[str]) -> None:
    @quick
    @given(worlds(among), peers, ports)
    def agree(world: tuple[Network, Host], source: IPv4Network, port: int) -> None:
        if ME not in source:
            brute = World(*world)
            reached = all(brute.reached_from(address, port) for address in source)
            assert (path(*world, source, port).decides is None) is reached

    agree()


@focused
def test_a_destination_is_reached_exactly_when_every_packet_to_every_address_gets_through(among: list[str]) -> None:
    @quick
    @given(worlds(among), peers, ports)
    def agree(world: tuple[Network, Host], destination: IPv4Network, port: int) -> None:
        if ME not in destination:
            brute = World(*world)
            reached = all(brute.reaches(address, port) for address in destination)
            assert (egress(*world, destination, port).decides is None) is reached

    agree()


@quick
@given(worlds(COMPONENTS), parts, ports)
def test_the_address_a_refusal_names_is_of_the_block_and_is_refused_alone(
    world: tuple[Network, Host], source: IPv4Network, port: int
) -> None:
    verdict = path(*world, source, port)
    assert verdict.address in source
    alone = path(*world, IPv4Network(verdict.address), port)
    assert [hop.code for hop in alone.hops] == [hop.code for hop in verdict.hops]


@quick
@given(worlds(COMPONENTS), parts)
def test_the_addresses_looked_at_are_of_the_block_and_ascend(world: tuple[Network, Host], block: IPv4Network) -> None:
    found = addresses(world[0], block)
    assert found
    assert all(address in block for address in found)
    assert found == sorted(set(found))


def test_the_random_networks_hold_both_verdicts_of_each_question() -> None:
    seen: set[tuple[str, bool]] = set()

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(worlds(COMPONENTS), peers, ports)
    def look(world: tuple[Network, Host], peer: IPv4Network, port: int) -> None:
        seen.add(("in", path(*world, peer, port).decides is None))
        seen.add(("out", egress(*world, peer, port).decides is None))

    look()
    assert seen == {("in", True), ("in", False), ("out", True), ("out", False)}
