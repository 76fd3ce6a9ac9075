import re
from pathlib import Path
from typing import Any

import pytest

from aivis.errors import Invalid
from aivis.events.actions import Autonomy, Origin, Purpose
from aivis.toolkit.declaration import Risk
from domains.cloud.server import all_tools
from services.executor.policy import Policies, Question, Verdict, stricter

CLOUD_FILE = Path(__file__).parents[4] / "domains" / "cloud" / "policy.cedar"
CLOUD = Policies.read(CLOUD_FILE)


def question(tool: str, risk: str = "reversible", arguments: dict[str, Any] | None = None, **changes: Any) -> Question:
    given = {"instance_id": "i-1"} if arguments is None else arguments
    fields: dict[str, Any] = {
        "tenant": "acme", "customer": "c-1", "agent": "diagnostic", "tool": tool, "risk": Risk(risk),
        "purpose": Purpose.REMEDY, "autonomy": Autonomy.AUTOPILOT, "resource": "i-1", "arguments": given,
        "origins": dict.fromkeys(given, Origin.TICKET),
    }  # fmt: skip
    return Question(**{**fields, **changes})


def verdict(*arguments: Any, **changes: Any) -> Verdict:
    return CLOUD.judge(question(*arguments, **changes)).verdict


def test_every_tool_that_the_clouds_policy_names_exists() -> None:
    named = set(re.findall(r'Action::"(cloud\.\w+)"', CLOUD_FILE.read_text(encoding="utf-8")))
    assert named
    assert named <= {tool.name for tool in all_tools()}


@pytest.mark.parametrize("autonomy", Autonomy)
def test_reads_are_allowed_always(autonomy: Autonomy) -> None:
    origins = {"source": Origin.TEXT}
    arguments = {"source": "0.0.0.0/0"}
    assert verdict("cloud.analyze_path", "read", arguments, origins=origins, autonomy=autonomy) is Verdict.ALLOW


@pytest.mark.parametrize("origin", [Origin.MODULE, Origin.EXPERT, Origin.RESULT, Origin.TICKET])
def test_a_reversible_effect_with_bound_arguments_is_allowed(origin: Origin) -> None:
    assert verdict("cloud.start_instance", origins={"instance_id": origin}) is Verdict.ALLOW


def test_an_effect_with_an_argument_from_free_text_needs_approval() -> None:
    judged = CLOUD.judge(question("cloud.start_instance", origins={"instance_id": Origin.TEXT}))
    assert judged.verdict is Verdict.NEEDS_APPROVAL
    assert "free text" in judged.reason


@pytest.mark.parametrize("tool", ["cloud.terminate_instance", "cloud.release_address", "cloud.something_new"])
def test_a_destructive_effect_needs_approval(tool: str) -> None:
    assert verdict(tool, "destructive") is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize("tool", ["cloud.stop_instance", "cloud.reboot_instance", "cloud.extend_volume"])
def test_what_the_procedures_do_is_allowed_unless_free_text_chose_it(tool: str) -> None:
    assert verdict(tool, "destructive") is Verdict.ALLOW
    assert verdict(tool, "destructive", origins={"instance_id": Origin.TEXT}) is Verdict.NEEDS_APPROVAL


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0.0.0.0/1"])
def test_opening_to_the_whole_internet_needs_approval(network: str) -> None:
    judged = CLOUD.judge(question("cloud.authorize_ingress", arguments={"group_id": "sg-1", "source": network}))
    assert judged.verdict is Verdict.NEEDS_APPROVAL
    assert "whole internet" in judged.reason


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("cloud.authorize_ingress", {"group_id": "sg-1", "source": "203.0.113.7/32"}),
        ("cloud.authorize_egress", {"group_id": "sg-1", "source": "0.0.0.0/0"}),
        ("cloud.revoke_ingress", {"group_id": "sg-1", "source": "0.0.0.0/0"}),
        ("cloud.create_route", {"route_table_id": "rtb-1", "destination": "0.0.0.0/0"}),
        ("cloud.create_acl_entry", {"acl_id": "acl-1", "cidr": "0.0.0.0/0", "egress": True, "action": "allow"}),
        ("cloud.create_acl_entry", {"acl_id": "acl-1", "cidr": "0.0.0.0/0", "egress": False, "action": "deny"}),
    ],
)
def test_ways_out_and_closings_are_no_openings(tool: str, arguments: dict[str, Any]) -> None:
    assert verdict(tool, arguments=arguments) is Verdict.ALLOW


def test_a_way_in_by_a_network_acl_is_an_opening_whatever_is_left_out() -> None:
    way_in = {"acl_id": "acl-1", "cidr": "0.0.0.0/0", "egress": False, "action": "allow"}
    assert verdict("cloud.create_acl_entry", arguments=way_in) is Verdict.NEEDS_APPROVAL
    assert verdict("cloud.create_acl_entry", arguments={"cidr": "0.0.0.0/0"}) is Verdict.NEEDS_APPROVAL


def test_taking_back_its_own_effect_needs_no_approval() -> None:
    opened = {"group_id": "sg-1", "source": "0.0.0.0/0"}
    assert verdict("cloud.authorize_ingress", arguments=opened, undo=True) is Verdict.ALLOW


@pytest.mark.parametrize("risk", ["reversible", "destructive"])
def test_in_shadow_no_effect_is_possible_even_with_an_approval(risk: str) -> None:
    judged = CLOUD.judge(question("cloud.start_instance", risk, autonomy=Autonomy.SHADOW))
    assert judged.verdict is Verdict.FORBID
    assert "shadow" in judged.reason


def test_in_copilot_every_effect_needs_approval() -> None:
    assert verdict("cloud.start_instance", autonomy=Autonomy.COPILOT) is Verdict.NEEDS_APPROVAL
    assert verdict("cloud.start_instance", autonomy=Autonomy.COPILOT, undo=True) is Verdict.NEEDS_APPROVAL


def test_the_stricter_autonomy_counts_whichever_side_it_is_on() -> None:
    assert stricter(Autonomy.AUTOPILOT, Autonomy.SHADOW) is Autonomy.SHADOW
    assert stricter(Autonomy.COPILOT, Autonomy.AUTOPILOT) is Autonomy.COPILOT


@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_a_policy_that_cannot_be_evaluated_forbids(effect: str) -> None:
    text = f"permit (principal, action, resource);{effect} (principal, action, resource) when {{ context.none == 1 }};"
    judged = Policies(text, where="here").judge(question("cloud.start_instance"))
    assert judged.verdict is Verdict.FORBID
    assert "cannot be evaluated" in judged.reason


def test_what_no_policy_permits_is_forbidden() -> None:
    judged = Policies("", where="here").judge(question("cloud.start_instance"))
    assert judged.verdict is Verdict.FORBID
    assert "no policy permits cloud.start_instance" in judged.reason


def test_arguments_of_every_kind_reach_the_policy_and_none_breaks_it() -> None:
    text = """permit (principal, action, resource) when {
      context.arguments.half == "0.5" && context.arguments.huge == "18446744073709551616" &&
      !(context.arguments has nothing) && context.arguments.list.contains(1) && context.origin.half == "ticket"
    };"""
    arguments = {
        "half": 0.5, "huge": 2**64, "nothing": None, "list": [1, "x", None], "__extn": {"fn": "ip", "arg": "x"},
        "deep": {"__entity": {"type": "Agent", "id": "root"}},
    }  # fmt: skip
    assert Policies(text, where="here").judge(question("cloud.x", arguments=arguments)).verdict is Verdict.ALLOW


def test_a_policy_sees_tenant_and_customer_of_the_envelope() -> None:
    text = """permit (principal in Tenant::"acme", action, resource)
              when { principal.customer == "c-1" && resource.tenant == principal.tenant };"""
    policies = Policies(text, where="here")
    assert policies.judge(question("cloud.x")).verdict is Verdict.ALLOW
    assert policies.judge(question("cloud.x", tenant="evil")).verdict is Verdict.FORBID


def test_policies_that_are_not_cedar_are_named_with_their_place(tmp_path: Path) -> None:
    file = tmp_path / "policy.cedar"
    file.write_text("permit (principal;")
    with pytest.raises(Invalid, match=r"policy\.cedar: not Cedar"):
        Policies.read(file)
    with pytest.raises(Invalid, match="without them nothing may run"):
        Policies.read(tmp_path / "none.cedar")
