from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from domains.cloud.reachability import Verdict, egress, path
from domains.cloud.topology import Acl, Group, GroupRule, Host, Interface, Network
from tests.unit.domains.cloud.networks import (
    COUSIN,
    HOST,
    OPEN,
    acl,
    block,
    leads,
    network,
    rule,
    table,
    without_gateway,
)

CUSTOMER = block("203.0.113.7/32")
NO_RULES = Group("sg-web", (), ())
ANSWERS = (1024, 65535)
NAT_ROUTE = table(leads("nat-1"))


def decided(verdict: Verdict) -> tuple[str, str, str]:
    hop = verdict.decides
    return (hop.code, hop.component, hop.rule) if hop else ("", "", "")


def inbound(found: Network | None, host: Host = HOST, source: IPv4Network = CUSTOMER, port: int = 443) -> Verdict:
    return path(found, host, source, port)


def outbound(found: Network | None, host: Host = HOST, to: IPv4Network = CUSTOMER, port: int = 443) -> Verdict:
    return egress(found, host, to, port)


def test_a_sound_network_lets_the_customer_in_and_tells_every_hop() -> None:
    verdict = inbound(network())
    assert decided(verdict) == ("", "", "")
    assert [(hop.direction, hop.component) for hop in verdict.hops] == [
        ("in", "instance"), ("in", "public_address"), ("in", "internet_gateway"), ("in", "network_acl"),
        ("in", "security_group"), ("out", "network_acl"), ("out", "route_table"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("pending", "instance_not_running"),
        ("stopping", "instance_not_running"),
        ("stopped", "instance_not_running"),
        ("shutting-down", "instance_terminating"),
        ("terminated", "instance_terminating"),
    ],
)
def test_an_instance_that_does_not_run_decides_before_anything_else(state: str, code: str) -> None:
    host = replace(HOST, state=state, public_address=None)
    assert decided(inbound(network(group=NO_RULES), host)) == (code, "instance", state)
    assert decided(outbound(network(group=NO_RULES), host)) == (code, "instance", state)


def test_an_instance_in_no_subnet_has_no_network() -> None:
    lost = replace(HOST, subnet_id=None, address=None)
    assert decided(inbound(None, lost))[0] == "no_network"
    assert decided(inbound(None, replace(lost, state="terminated")))[0] == "instance_terminating"


def test_without_a_public_address_the_internet_does_not_reach_the_instance() -> None:
    assert decided(inbound(network(), replace(HOST, public_address=None)))[0] == "no_public_address"
    assert decided(outbound(network(), replace(HOST, public_address=None)))[0] == "no_public_address"


def test_a_detached_gateway_is_told_as_such_and_not_as_its_dead_route() -> None:
    found = without_gateway(network(home_table=table(leads("igw-1", alive=False))))
    verdict = inbound(found)
    assert decided(verdict)[0] == "gateway_detached"
    assert [hop.code for hop in verdict.wrong] == ["gateway_detached", "gateway_detached"]
    assert decided(outbound(found))[0] == "gateway_detached"


def test_without_a_route_back_the_answer_is_dropped() -> None:
    assert decided(inbound(network(home_table=table()))) == ("no_route", "route_table", "")
    assert decided(outbound(network(home_table=table()))) == ("no_route", "route_table", "")


def test_a_route_to_a_dead_target_is_a_black_hole() -> None:
    found = network(home_table=table(leads("nat-1", alive=False)))
    assert decided(inbound(found)) == ("blackhole_route", "route_table", "0.0.0.0/0")
    assert decided(outbound(found)) == ("blackhole_route", "route_table", "0.0.0.0/0")


def test_the_answer_to_the_internet_must_leave_by_the_gateway_it_came_in() -> None:
    assert decided(inbound(network(home_table=NAT_ROUTE))) == ("route_elsewhere", "route_table", "0.0.0.0/0")


def test_the_longest_route_decides_over_the_default_route() -> None:
    found = network(home_table=table(leads("igw-1"), leads("nat-1", to="203.0.113.0/24", alive=False)))
    assert decided(inbound(found)) == ("blackhole_route", "route_table", "203.0.113.0/24")
    assert decided(inbound(found, source=block("198.51.100.9/32")))[0] == ""


def test_the_acl_rule_with_the_lowest_number_decides() -> None:
    denied = network(home_acl=acl(rule(20, egress=False, allow=True), rule(10, egress=False, allow=False)))
    assert decided(inbound(denied)) == ("acl_denies_in", "network_acl", "10")
    allowed = network(home_acl=acl(rule(20, egress=False, allow=False), rule(10, egress=False, allow=True)))
    assert decided(inbound(allowed))[0] == ""


def test_an_acl_without_a_matching_rule_denies_by_its_last_one() -> None:
    assert decided(inbound(network(home_acl=Acl("acl-home", ())))) == ("acl_denies_in", "network_acl", "*")


def test_an_acl_rule_for_another_protocol_port_or_peer_does_not_concern_the_packet() -> None:
    found = network(
        home_acl=acl(
            rule(10, egress=False, allow=False, protocol="udp"),
            rule(11, egress=False, allow=False, ports=(80, 80)),
            rule(12, egress=False, allow=False, network="198.51.100.0/24"),
            rule(13, egress=True, allow=False, ports=(443, 443)),
        )
    )
    assert decided(inbound(found))[0] == ""


def test_an_answer_that_the_acl_does_not_let_out_decides_and_names_the_ports() -> None:
    found = network(home_acl=acl(rule(10, egress=True, allow=False, ports=ANSWERS)))
    verdict = inbound(found)
    assert decided(verdict) == ("acl_denies_out", "network_acl", "10")
    assert verdict.decides is not None
    assert "1024-65535" in verdict.decides.explains


def test_answers_must_get_out_on_every_ephemeral_port() -> None:
    found = network(
        home_acl=acl(rule(10, egress=True, allow=True, ports=(32768, 65535)), rule(20, egress=True, allow=False))
    )
    verdict = inbound(found)
    assert decided(verdict) == ("acl_denies_out", "network_acl", "20")
    assert verdict.decides is not None
    assert "1024-32767" in verdict.decides.explains


def test_one_denied_port_between_allowed_ones_is_found() -> None:
    found = network(
        home_acl=acl(
            rule(10, egress=True, allow=True, ports=(2000, 3000)),
            rule(20, egress=True, allow=False, ports=(5000, 5000)),
        )
    )
    assert decided(inbound(found)) == ("acl_denies_out", "network_acl", "20")


def test_a_security_group_denies_what_no_rule_allows() -> None:
    other = Group("sg-web", (GroupRule("tcp", (443, 443), (block("198.51.100.0/24"),)),), (OPEN,))
    assert decided(inbound(network(group=other))) == ("sg_denies_in", "security_group", "")
    assert decided(inbound(network(group=other), source=block("198.51.100.9/32")))[0] == ""
    assert decided(inbound(network(group=other), source=block("198.51.100.9/32"), port=80))[0] == "sg_denies_in"


def test_a_security_group_is_asked_nothing_about_answers() -> None:
    assert decided(inbound(network(group=Group("sg-web", (OPEN,), ()))))[0] == ""
    assert decided(outbound(network(group=Group("sg-web", (), (OPEN,)))))[0] == ""


def test_a_closed_egress_stops_what_the_instance_begins() -> None:
    verdict = outbound(network(group=Group("sg-web", (OPEN,), ())))
    assert decided(verdict) == ("sg_denies_out", "security_group", "")


def test_an_instance_that_asks_out_needs_both_acl_directions() -> None:
    out = network(home_acl=acl(rule(10, egress=True, allow=False, ports=(443, 443))))
    back = network(home_acl=acl(rule(10, egress=False, allow=False, ports=ANSWERS)))
    assert decided(outbound(out)) == ("acl_denies_out", "network_acl", "10")
    assert decided(outbound(back)) == ("acl_denies_in", "network_acl", "10")


def test_a_nat_gateway_carries_out_but_its_own_subnet_must_reach_the_internet() -> None:
    private = replace(HOST, public_address=None)
    assert decided(outbound(network(home_table=NAT_ROUTE), private))[0] == ""
    stuck = network(home_table=NAT_ROUTE, nat_table=table(name="rtb-nat"))
    assert decided(outbound(stuck, private)) == ("nat_no_route", "nat_route_table", "")
    closed = network(home_table=NAT_ROUTE, nat_acl=acl(rule(10, egress=False, allow=False, ports=ANSWERS)))
    assert decided(outbound(closed, private)) == ("nat_acl_denies", "nat_network_acl", "10")


def test_a_private_address_beyond_the_network_is_reached_by_a_private_connection_only() -> None:
    office = block("192.168.7.9/32")
    peered = network(home_table=table(leads("igw-1"), leads("pcx-1", to="192.168.0.0/16")))
    private = replace(HOST, public_address=None)
    assert decided(inbound(peered, private, office))[0] == ""
    assert decided(outbound(peered, private, office))[0] == ""
    assert decided(inbound(network(), HOST, office))[0] == "route_elsewhere"
    assert decided(outbound(network(), HOST, office))[0] == "route_elsewhere"


def test_neighbours_in_one_subnet_are_not_held_up_by_its_acl() -> None:
    closed = network(home_acl=Acl("acl-home", ()))
    assert decided(inbound(closed, source=block("10.20.1.9/32")))[0] == ""
    assert decided(outbound(closed, to=block("10.20.1.9/32")))[0] == ""


@pytest.mark.parametrize(
    ("egress_rule", "ports", "code"), [(True, (443, 443), "there"), (False, ANSWERS, "back")], ids=["there", "back"]
)
def test_the_acl_of_the_other_subnet_is_asked_both_ways(egress_rule: bool, ports: tuple[int, int], code: str) -> None:
    found = network(other_acl=acl(rule(10, egress=egress_rule, allow=False, ports=ports), name="acl-other"))
    assert decided(inbound(found, source=IPv4Network(COUSIN))) == ("remote_acl_denies", "remote_network_acl", "10")


def test_the_other_ends_security_groups_are_asked_too() -> None:
    found = network()
    shut = replace(found, groups={**found.groups, "sg-app": Group("sg-app", (), ())})
    assert decided(inbound(shut, source=IPv4Network(COUSIN)))[:2] == ("remote_sg_denies", "remote_security_group")
    assert decided(outbound(shut, to=IPv4Network(COUSIN)))[:2] == ("remote_sg_denies", "remote_security_group")
    one_way = replace(found, groups={**found.groups, "sg-app": Group("sg-app", (), (OPEN,))})
    assert decided(inbound(one_way, source=IPv4Network(COUSIN)))[0] == ""
    assert decided(outbound(one_way, to=IPv4Network(COUSIN)))[0] == "remote_sg_denies"


def test_a_rule_that_names_a_group_allows_its_members_only() -> None:
    members = Group("sg-web", (GroupRule("tcp", (443, 443), groups=("sg-app",)),), (OPEN,))
    found = network(group=members)
    assert decided(inbound(found, source=IPv4Network(COUSIN)))[0] == ""
    assert decided(inbound(found, source=block("10.20.2.6/32")))[0] == "sg_denies_in"
    assert decided(inbound(found))[0] == "sg_denies_in"


def test_an_address_of_the_network_in_no_subnet_is_nobodys() -> None:
    assert decided(inbound(network(), source=block("10.20.200.1/32")))[0] == "remote_unknown"
    assert decided(outbound(network(), to=block("10.20.200.1/32")))[0] == "remote_unknown"


def test_of_a_block_the_first_address_that_does_not_get_through_is_told() -> None:
    by_acl = network(home_acl=acl(rule(10, egress=False, allow=False, network="203.0.113.9/32")))
    assert inbound(by_acl, source=block("203.0.113.0/28")).address == IPv4Address("203.0.113.9")
    assert decided(inbound(by_acl, source=block("203.0.113.0/28")))[0] == "acl_denies_in"
    assert decided(inbound(by_acl, source=block("203.0.113.0/29")))[0] == ""


def test_of_a_block_a_single_interface_may_decide() -> None:
    found = network()
    lonely = IPv4Address("10.20.2.9")
    held = replace(found, interfaces={**found.interfaces, lonely: Interface(lonely, ("sg-shut",))},
                   groups={**found.groups, "sg-shut": Group("sg-shut", (), ())})  # fmt: skip
    assert inbound(held, source=block("10.20.2.0/28")).address == lonely


def test_the_whole_internet_means_public_addresses() -> None:
    assert decided(inbound(network(), source=block("0.0.0.0/0")))[0] == ""
    half = Group("sg-web", (GroupRule("tcp", (443, 443), (block("0.0.0.0/1"),)),), (OPEN,))
    assert inbound(network(group=half), source=block("0.0.0.0/0")).address == IPv4Address("128.0.0.0")


def test_everything_wrong_is_told_in_the_order_of_the_way() -> None:
    found = network(home_acl=Acl("acl-home", ()), home_table=table(), group=NO_RULES)
    assert [hop.code for hop in inbound(found).wrong] == [
        "acl_denies_in", "sg_denies_in", "acl_denies_out", "no_route",
    ]  # fmt: skip
