import pytest

from aivis.errors import Invalid
from aivis.events.actions import Origin
from services.executor.parameters import digest, open_to_everyone, origins, resource
from tests.unit.services.executor.making import request


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "2000::/3", "0/0", "0.0.0.0/00", "0.0.0.0/0.0.0.0", "0.0.0.0",
        "::ffff:0.0.0.0/96", "10.0.0.1/32, 0.0.0.0/0", "0.0.0.0-255.255.255.255", " ::/0 ",
    ],
)  # fmt: skip
def test_a_network_as_wide_as_the_internet_is_seen(text: str) -> None:
    assert open_to_everyone({"source": text, "port": 443}) == ["source"]


@pytest.mark.parametrize("text", ["203.0.113.7/32", "10.0.0.0/8", "sg-0abc", "443", "2001:db8::/32", "", "tcp"])
def test_anything_narrower_is_not(text: str) -> None:
    assert open_to_everyone({"source": text}) == []


def test_a_wide_network_is_seen_at_any_depth() -> None:
    assert open_to_everyone({"rules": [{"peers": {"v4": ["10.0.0.0/8", "0.0.0.0/0"]}}], "id": "x"}) == ["rules"]


def test_the_digest_does_not_depend_on_the_order_of_arguments() -> None:
    one, other = request(arguments={"a": 1, "b": 2}), request(arguments={"b": 2, "a": 1})
    assert digest("acme", "c", one) == digest("acme", "c", other)


@pytest.mark.parametrize(("tenant", "case"), [("other", "c"), ("acme", "other")])
def test_the_digest_is_bound_to_tenant_and_case(tenant: str, case: str) -> None:
    assert digest(tenant, case, request()) != digest("acme", "c", request())


def test_an_argument_whose_origin_is_not_said_is_text() -> None:
    asked = request(arguments={"id": "i-1", "size": 3}, origins={"id": Origin.MODULE, "gone": Origin.TEXT})
    assert origins(asked) == {"id": Origin.MODULE, "size": Origin.TEXT}


@pytest.mark.parametrize("arguments", [{}, {"id": None}, {"id": ""}])
def test_an_effect_without_its_resource_is_invalid(arguments: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="'id' names what is acted upon"):
        resource("test.dedupes", arguments, "id")


def test_a_resource_that_is_no_text_has_one_name_whatever_the_order() -> None:
    assert resource("t", {"id": {"b": 1, "a": 2}}, "id") == resource("t", {"id": {"a": 2, "b": 1}}, "id")
