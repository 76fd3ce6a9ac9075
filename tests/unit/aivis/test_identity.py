"""Ids are contracts: what is kept in databases and sent to tools today must be derived the same tomorrow."""

from hypothesis import given
from hypothesis import strategies as st

from aivis import identity

CASE = "eebdd8c9-f93a-5b24-8c94-9caaddf17ad4"
TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20)


def test_ids_are_what_they_have_always_been() -> None:
    assert identity.derived("a", "b") == "050eeef7-1ec7-5b39-a6ed-ece173a53edf"
    assert identity.derived("a", 1) == "1139d9e7-2a53-5b7f-9573-04deaa12962a"
    assert identity.case_id("acme", "helpdesk", "T-4711") == CASE
    assert identity.step_id(CASE, 7, "action") == "c81b8af7-ae44-578f-bcc5-3510fb969540"
    assert identity.step_id(CASE, 7, "action", 1) == "4f5a07aa-b491-5dbc-8a39-22f7f8b4a2a3"
    assert identity.case_key("acme", CASE) == f"acme/{CASE}"
    expected = "00-eebdd8c9f93a5b248c949caaddf17ad4-5505ea87095550de-01"
    assert identity.trace_parent(CASE, "aivis.plan.made") == expected


@given(st.lists(TEXT, min_size=1, max_size=4), st.lists(TEXT, min_size=1, max_size=4))
def test_different_parts_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (identity.derived(*one) == identity.derived(*other)) == (one == other)


def test_where_one_part_ends_and_the_next_begins_matters() -> None:
    assert identity.derived("a", "bc") != identity.derived("ab", "c") != identity.derived("abc")


def test_the_same_ticket_id_of_another_source_or_tenant_is_another_case() -> None:
    cases = {identity.case_id(tenant, source, "T-1") for tenant in ("acme", "globex") for source in ("desk", "mail")}
    assert len(cases) == 4
