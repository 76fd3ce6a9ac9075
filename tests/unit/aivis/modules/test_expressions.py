import pytest

from aivis.errors import Invalid
from aivis.events.actions import Origin
from aivis.modules.expressions import Scope, Undecided, arguments, compiled, evaluate, holds, origins, render, within

SCOPE = Scope(
    ticket={"port": 443, "source": "203.0.113.7", "instance_id": "i-1"},
    found={"group_id": "sg-1", "copied": "203.0.113.7"},
    result={"rules": [{"port": 443}, {"port": 22, "note": "ssh"}]},
    ticket_origins={"instance_id": Origin.RESULT, "source": Origin.EXPERT},
    found_origins={"group_id": Origin.RESULT, "copied": Origin.TICKET},
)


def test_a_condition_reads_ticket_found_and_result() -> None:
    assert holds("result.rules.exists(r, r.port == ticket.port) && found.group_id == 'sg-1'", SCOPE) is True
    assert holds("result.rules.all(r, r.port == 22)", SCOPE) is False


@pytest.mark.parametrize(
    "source",
    [
        "result.missing == 1",
        "result.rules[7].port == 1",
        "ticket.port == 'x' + 1",
        "nothing == 1",
        "ticket.port",
        "1 / 0",
    ],
)
def test_what_has_no_value_or_is_no_condition_is_undecided_and_not_false(source: str) -> None:
    assert holds(source, SCOPE) is None


def test_a_field_that_may_be_missing_can_be_asked_for() -> None:
    assert holds("has(result.missing) && result.missing == 1", SCOPE) is False


def test_an_expression_that_does_not_parse_says_where() -> None:
    with pytest.raises(Invalid, match=r"not CEL, at line:column 1:14"):
        compiled("ticket.port +")


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("203.0.113.7", "203.0.113.0/24", True),
        ("203.0.113.7/32", "0.0.0.0/0", True),
        ("203.0.113.0/24", "203.0.113.7/32", False),
        ("2001:db8::1", "2001:db8::/32", True),
        ("203.0.113.7", "::/0", False),
    ],
)
def test_within_tells_whether_one_block_lies_in_another(inner: str, outer: str, expected: bool) -> None:
    assert within(inner, outer) is expected


def test_within_of_what_is_no_address_is_undecided() -> None:
    assert holds("within('sg-1', '0.0.0.0/0')", SCOPE) is None


def test_arguments_are_cel_where_they_are_text_and_themselves_where_they_are_not() -> None:
    declared = {
        "port": "ticket.port",
        "protocol": "'tcp'",
        "size": 3,
        "ids": ["found.group_id"],
        "deep": {"a": "1 + 1"},
    }
    values, _ = arguments(declared, SCOPE)
    assert values == {"port": 443, "protocol": "tcp", "size": 3, "ids": ["sg-1"], "deep": {"a": 2}}


def test_an_argument_without_a_value_makes_the_call_impossible() -> None:
    with pytest.raises(Undecided, match=r"ticket\.volume_id"):
        arguments({"volume_id": "ticket.volume_id"}, SCOPE)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("'tcp'", Origin.MODULE),
        (443, Origin.MODULE),
        ("ticket.port", Origin.TICKET),
        ("ticket.instance_id", Origin.RESULT),
        ("block(ticket.source)", Origin.EXPERT),
        ("found.group_id", Origin.RESULT),
        ("found.copied", Origin.TICKET),
        ("result.rules[0].port", Origin.RESULT),
        ("found.group_id + string(ticket.port)", Origin.TICKET),
        ("result.rules.filter(r, r.port == ticket.port)[0].note", Origin.TICKET),
        (["found.group_id", "'x'"], Origin.RESULT),
        ({"any": "ticket"}, Origin.TICKET),
    ],
)
def test_an_argument_is_as_trusted_as_the_least_of_what_it_is_made_of(declared: object, expected: Origin) -> None:
    assert origins({"argument": declared}, SCOPE) == {"argument": expected}


def test_what_is_found_keeps_the_origin_of_what_it_was_made_of() -> None:
    scope = SCOPE.learn({"wanted": "ticket.port", "first": "result.rules[0].port", "none": "result.nothing"})
    assert scope.found == {**SCOPE.found, "wanted": 443, "first": 443}
    assert (scope.found_origins["wanted"], scope.found_origins["first"]) == (Origin.TICKET, Origin.RESULT)


def test_a_text_for_people_is_filled_and_says_so_where_it_cannot_be() -> None:
    said = render("Port {ticket.port} of {ticket.name}: {result.rules.map(r, string(r.port))}", SCOPE)
    assert said == "Port 443 of (not known): 443, 22"


def test_a_value_is_evaluated_against_each_scope_anew() -> None:
    assert [evaluate("ticket.n * 2", Scope(ticket={"n": n})) for n in (1, 2, 3)] == [2, 4, 6]
