from hypothesis import given
from hypothesis import strategies as st

from domains.cloud.lab.account import Rule
from domains.cloud.lab.openings import Point, admits, newly_passing, passes, points, span, uncovered
from tests.unit.domains.cloud.lab.accounts import ALL, SOUND_ENTRIES, entry

_PEERS = st.sampled_from(["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "203.0.113.0/24", "203.0.113.7/32", "::/0", "sg-9"])
_RULES = st.builds(
    lambda protocol, first, length, peer: Rule(protocol, first, min(first + length, 65535), peer),
    st.sampled_from(["tcp", "udp", "icmp", "50", "all"]),
    st.integers(0, 65535),
    st.integers(0, 65535),
    _PEERS,
)


def test_a_rule_within_another_is_covered() -> None:
    assert uncovered([Rule("tcp", 443, 443, "203.0.113.7/32")], [Rule("tcp", 400, 500, "203.0.113.0/24")]) == []


def test_a_rule_wider_by_one_port_is_not_covered() -> None:
    wide = Rule("tcp", 443, 444, "203.0.113.0/24")
    assert uncovered([wide], [Rule("tcp", 443, 443, "203.0.113.0/24")]) == [wide]


def test_the_internet_in_two_halves_is_the_internet() -> None:
    halves = [Rule("tcp", 443, 443, "0.0.0.0/1"), Rule("tcp", 443, 443, "128.0.0.0/1")]
    assert uncovered([Rule("tcp", 443, 443, ALL)], halves) == []
    assert uncovered(halves, [Rule("tcp", 443, 443, "203.0.113.0/24")]) == halves


def test_all_protocols_are_not_covered_by_tcp_alone() -> None:
    everything = Rule("all", 0, 65535, ALL)
    assert uncovered([everything], [Rule("tcp", 0, 65535, ALL)]) == [everything]


def test_neither_ipv6_nor_ipv4_covers_the_other() -> None:
    six, four = Rule("tcp", 443, 443, "::/0"), Rule("tcp", 443, 443, ALL)
    assert uncovered([six], [four]) == [six]
    assert uncovered([four], [six]) == [four]


def test_a_group_as_peer_is_covered_only_by_itself() -> None:
    rule = Rule("tcp", 443, 443, "sg-2")
    assert uncovered([rule], [rule]) == []
    assert uncovered([rule], [Rule("tcp", 443, 443, "sg-3"), Rule("tcp", 443, 443, ALL)]) == [rule]


@given(_RULES, st.lists(_RULES, max_size=4), st.integers(0, 65535), st.sampled_from(["tcp", "udp", "icmp", "other"]))
def test_what_a_covered_rule_admits_its_cover_admits(rule: Rule, cover: list[Rule], port: int, protocol: str) -> None:
    if uncovered([rule], cover):
        assert any(admits([rule], point) and not admits(cover, point) for point in points(cover, rule))
    else:
        for address in span(rule.peer):
            point = Point(protocol, port, address)
            assert admits(cover, point) or not admits([rule], point)


def test_the_lowest_entry_of_an_acl_decides() -> None:
    point = Point("tcp", 23, span("203.0.113.7/32")[0])
    assert not passes(SOUND_ENTRIES, point, egress=False)
    assert passes(SOUND_ENTRIES, point, egress=True)


def test_an_acl_without_entries_lets_nothing_through() -> None:
    assert not passes([], Point("tcp", 443, 0), egress=False)


def test_an_entry_that_overrules_a_refusal_is_newly_passing() -> None:
    opened = SOUND_ENTRIES | {entry(10, egress=False, allow=True, rule=Rule("tcp", 20, 30, "203.0.113.0/24"))}
    found = newly_passing(opened, SOUND_ENTRIES, egress=False)
    assert {(point.protocol, point.port) for point in found} == {("tcp", 23)}
    assert newly_passing(opened, SOUND_ENTRIES, egress=True) == []


def test_an_entry_that_changes_no_decision_is_not_newly_passing() -> None:
    same = SOUND_ENTRIES | {entry(90, egress=False, allow=True, rule=Rule("tcp", 443, 443, ALL))}
    assert newly_passing(same, SOUND_ENTRIES, egress=False) == []
    assert newly_passing(SOUND_ENTRIES, same, egress=False) == []
