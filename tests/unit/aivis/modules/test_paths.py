import pytest

from aivis.modules.paths import bound, chains, roots


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ticket.port == 443", [("ticket", ("port",))]),
        ("result['rules'][0].to", [("result", ("rules", "[]", "to"))]),
        ("result.rules.exists(r, r.to == found.x)", [("result", ("rules",)), ("r", ("to",)), ("found", ("x",))]),
        ("result.a.filter(x, x.b)[0].c", [("result", ("a",)), ("x", ("b",)), ("result", ("a", "[]", "c"))]),
        ("ticket.a.startsWith(ticket.b)", [("ticket", ("a",)), ("ticket", ("b",))]),
        ("within(ticket.a, 'ticket.b')", [("ticket", ("a",))]),
        ("true ? ticket : found", [("ticket", ()), ("found", ())]),
        ("{'ticket': r'found.x'}", []),
    ],
)
def test_every_name_and_field_that_an_expression_reads_is_found(source: str, expected: list[object]) -> None:
    assert [(chain.root, chain.fields) for chain in chains(source)] == expected


def test_what_is_only_asked_for_is_marked() -> None:
    asked = {chain.fields: chain.asked for chain in chains("has(ticket.a) && ticket.b > 1")}
    assert asked == {("a",): True, ("b",): False}


def test_variables_of_macros_are_bound_wherever_the_list_comes_from() -> None:
    assert bound("(result.a + result.b).exists(each, each == 1) && [1].map(n, n)") == {"each", "n"}


def test_reading_all_of_a_root_is_told_from_reading_a_field() -> None:
    assert list(roots("size(found) > 0 && found.a == 1")) == [("found", None), ("found", "a")]
