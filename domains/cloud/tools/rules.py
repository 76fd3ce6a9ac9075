"""Effects on security groups: authorise and revoke one rule, for traffic in or out."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from aivis.errors import Refused
from aivis.toolkit import Call, Closed, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import RuleChange, SetRule
from domains.cloud.reading.answers import Piece, only
from domains.cloud.reading.networks import protocol
from domains.cloud.tools.declaring import DEDUPES, SHORT

tools = ToolSet[Account]()
Direction = Literal["ingress", "egress"]
RULES = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}
CONVERGES = "It sets whether a rule is there: a rule exists once or not at all."


class _Rule(Closed):
    description: str


def undo(arguments: SetRule, result: RuleChange, call: Call[Account]) -> RuleChange:
    """Take an added rule away, or put a revoked one back with its description."""
    is_there = _found(result.direction, arguments, call) is not None
    if result.changed and is_there is result.present:
        verb = "revoke" if result.present else "authorize"
        _set(verb, result.direction, arguments, call, result.description)
    return result.model_copy(update={"present": is_there if not result.changed else not result.present})


@tools.tool(name="cloud.authorize_ingress", risk=Risk.REVERSIBLE, timeout=SHORT, resource="group_id",
            undo=undo, repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def authorize_ingress(arguments: SetRule, call: Call[Account]) -> RuleChange:
    """Let traffic from a source reach a port of every instance in a security group."""
    return _authorized("ingress", arguments, call)


@tools.tool(name="cloud.authorize_egress", risk=Risk.REVERSIBLE, timeout=SHORT, resource="group_id",
            undo=undo, repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def authorize_egress(arguments: SetRule, call: Call[Account]) -> RuleChange:
    """Let every instance in a security group reach a port at a destination, which is given as `source`."""
    return _authorized("egress", arguments, call)


@tools.tool(name="cloud.revoke_ingress", risk=Risk.REVERSIBLE, timeout=SHORT, resource="group_id",
            undo=undo, repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def revoke_ingress(arguments: SetRule, call: Call[Account]) -> RuleChange:
    """Take away the rule for exactly this port and source; connections that it allowed may break."""
    return _revoked("ingress", arguments, call)


@tools.tool(name="cloud.revoke_egress", risk=Risk.REVERSIBLE, timeout=SHORT, resource="group_id",
            undo=undo, repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def revoke_egress(arguments: SetRule, call: Call[Account]) -> RuleChange:
    """Take away the rule for exactly this port and destination, which is given as `source`."""
    return _revoked("egress", arguments, call)


def _authorized(direction: Direction, arguments: SetRule, call: Call[Account]) -> RuleChange:
    before = call.before(_Rule, lambda: _found(direction, arguments, call))
    description = re.sub(r"[^\w.:/()#,@+=&;{}!$* -]", "", f"aivis case {call.case_id}")[:255]
    if _found(direction, arguments, call) is None:
        _set("authorize", direction, arguments, call, description)
    return _told(direction, arguments, before.description if before else description, present=True,
                 changed=before is None)  # fmt: skip


def _revoked(direction: Direction, arguments: SetRule, call: Call[Account]) -> RuleChange:
    before = call.before(_Rule, lambda: _found(direction, arguments, call))
    if _found(direction, arguments, call) is not None:
        _set("revoke", direction, arguments, call, "")
    elif before is None:
        _refuse_wider(direction, arguments, call)
    return _told(direction, arguments, before.description if before else "", present=False,
                 changed=before is not None)  # fmt: skip


def _permissions(direction: Direction, group_id: str, call: Call[Account]) -> list[Piece]:
    groups = call.system.ask("describe_security_groups", GroupIds=[group_id])["SecurityGroups"]
    return list(only(groups, f"security group {group_id}", call.system)[RULES[direction]])


def _found(direction: Direction, arguments: SetRule, call: Call[Account]) -> _Rule | None:
    """The rule for exactly this protocol, port and other end."""
    for permission in _permissions(direction, arguments.group_id, call):
        ports = permission.get("FromPort"), permission.get("ToPort")
        if protocol(permission["IpProtocol"]) != arguments.protocol or ports != (arguments.port, arguments.port):
            continue
        for peer in _peers(permission, arguments.source):
            return _Rule(description=peer.get("Description") or "")
    return None


def _peers(permission: Piece, source: str) -> list[Mapping[str, Any]]:
    held = [*permission.get("IpRanges", []), *permission.get("UserIdGroupPairs", [])]
    return [each for each in held if source in (each.get("CidrIp"), each.get("GroupId"))]


def _refuse_wider(direction: Direction, arguments: SetRule, call: Call[Account]) -> None:
    """A rule for a range of ports would still let the port through, so "revoked" would be untrue."""
    for permission in _permissions(direction, arguments.group_id, call):
        first, last = permission.get("FromPort", 0), permission.get("ToPort", 65535)
        speaks = protocol(permission["IpProtocol"]) in (arguments.protocol, "all")
        if speaks and first <= arguments.port <= last and _peers(permission, arguments.source):
            raise Refused(
                f"{arguments.group_id} has no rule for exactly port {arguments.port} and {arguments.source}, but one "
                f"for ports {first}-{last} that still allows it; a person has to split that rule"
            )


def _set(verb: str, direction: Direction, arguments: SetRule, call: Call[Account], description: str) -> None:
    told = {"Description": description} if description and verb == "authorize" else {}
    permission: dict[str, Any] = {
        "IpProtocol": arguments.protocol,
        "FromPort": arguments.port,
        "ToPort": arguments.port,
    }
    if arguments.source.startswith("sg-"):
        permission["UserIdGroupPairs"] = [{"GroupId": arguments.source, **told}]
    else:
        permission["IpRanges"] = [{"CidrIp": arguments.source, **told}]
    call.system.act(f"{verb}_security_group_{direction}", GroupId=arguments.group_id, IpPermissions=[permission])
    call.acted()


def _told(direction: Direction, arguments: SetRule, description: str, *, present: bool, changed: bool) -> RuleChange:
    return RuleChange(
        group_id=arguments.group_id,
        direction=direction,
        protocol=arguments.protocol,
        port=arguments.port,
        source=arguments.source,
        description=description,
        present=present,
        changed=changed,
    )
