import pytest
from pydantic import ValidationError

from aivis.access import Grant, Keys, Role, fingerprint
from aivis.errors import Invalid


def grant(name: str, key: str, role: Role = Role.EXPERT) -> Grant:
    return Grant(name=name, role=role, tenants=("acme",), sha256=fingerprint(key))


def test_a_key_gives_its_grant_and_no_other() -> None:
    keys = Keys([grant("ada", "k1"), grant("bob", "k2")], Role.EXPERT)

    assert keys.grant("k2") == grant("bob", "k2")
    assert keys.grant("k3") is None
    assert keys.grant("") is None
    assert keys.grant(fingerprint("k2")) is None


def test_a_key_of_another_role_gives_nothing() -> None:
    keys = Keys([grant("desk", "k1", Role.UPSTREAM)], Role.EXPERT)

    assert keys.grant("k1") is None
    assert keys.named("desk") is None


@pytest.mark.parametrize(
    ("grants", "message"),
    [
        ([grant("ada", "k1"), grant("ada", "k2")], "the same name 'ada'"),
        ([grant("ada", "k1"), grant("bob", "k1")], "the same key"),
        ([grant("agent", "k1")], "is the agent's"),
    ],
)
def test_grants_that_cannot_be_told_apart_are_refused(grants: list[Grant], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        Keys(grants, Role.EXPERT)


def test_a_plain_key_in_place_of_its_hash_is_refused() -> None:
    with pytest.raises(ValidationError):
        Grant(name="ada", role=Role.EXPERT, tenants=("acme",), sha256="secret")
