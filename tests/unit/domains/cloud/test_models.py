from typing import Any

import pytest
from pydantic import ValidationError

from aivis.errors import Refused
from domains.cloud.models.changes import SetAclEntry, SetRoute, SetRule
from domains.cloud.models.paths import AnalyzePath
from domains.cloud.models.volumes import TagResource
from domains.cloud.settings import CloudSettings
from domains.cloud.tools.undoing import must_put_back


@pytest.mark.parametrize(
    ("given", "canonical"),
    [("203.0.113.7", "203.0.113.7/32"), ("10.20.1.9/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"),
     ("sg-0a1b2c3d4e5f60718", "sg-0a1b2c3d4e5f60718")],
)  # fmt: skip
def test_the_other_end_of_a_rule_has_one_form(given: str, canonical: str) -> None:
    assert SetRule(group_id="sg-01234567", port=443, source=given).source == canonical


@pytest.mark.parametrize(
    "source", ["", "anywhere", "203.0.113.7/33", "203.0.113", "::/0", "sg-", "sg-xyz", "sg-01234567/0"]
)
def test_what_is_no_address_block_or_group_is_no_other_end(source: str) -> None:
    with pytest.raises(ValidationError):
        SetRule(group_id="sg-01234567", port=443, source=source)


ENTRY: dict[str, Any] = {
    "acl_id": "acl-01234567", "rule_number": 10, "egress": False, "action": "allow", "cidr": "0.0.0.0/0",
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"from_port": 10, "to_port": 9}, {"protocol": "all", "from_port": 443}, {"rule_number": 32767}, {"rule_number": 0},
     {"protocol": "icmp"}],
)  # fmt: skip
def test_an_acl_rule_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SetAclEntry(**{**ENTRY, **wrong})


@pytest.mark.parametrize("target", ["local", "igw-", "vpc-01234567", "igw-01234567 "])
def test_a_route_leads_to_a_target_of_a_known_kind(target: str) -> None:
    with pytest.raises(ValidationError):
        SetRoute(route_table_id="rtb-01234567", destination="0.0.0.0/0", target=target)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_nothing_listens_on_is_not_analysed(port: int) -> None:
    with pytest.raises(ValidationError):
        AnalyzePath(instance_id="i-01234567", source="203.0.113.7", port=port)


@pytest.mark.parametrize("key", ["aws:name", "aivis-key", "", "a\nb"])
def test_tags_that_have_a_meaning_of_their_own_are_not_written(key: str) -> None:
    with pytest.raises(ValidationError):
        TagResource(resource_id="i-01234567", key=key, value="x")


def test_an_undo_acts_only_on_what_the_effect_left() -> None:
    assert must_put_back("new", left="new", before="old", what="x")
    assert not must_put_back("old", left="new", before="old", what="x")
    assert not must_put_back("same", left="same", before="same", what="x")
    with pytest.raises(Refused, match="someone else"):
        must_put_back("third", left="new", before="old", what="x")


def test_the_settings_come_from_their_own_variables() -> None:
    found = CloudSettings.load({"AIVIS_CLOUD_ENDPOINT": "http://127.0.0.1:5000", "AIVIS_CLOUD_LISTEN": "127.0.0.1:0"})
    assert (found.endpoint, found.listen, found.tenants) == ("http://127.0.0.1:5000", "127.0.0.1:0", None)
