"""Effects on network ACLs: create, replace and delete one numbered rule."""

from typing import Any

from aivis.errors import NotFound, Refused
from aivis.toolkit import Call, Risk, ToolSet
from domains.cloud.account import Account
from domains.cloud.models.changes import AclChange, DeleteAclEntry, SetAclEntry
from domains.cloud.models.network import AclEntry
from domains.cloud.reading.networks import acl, acl_entries
from domains.cloud.tools.declaring import DEDUPES, SHORT
from domains.cloud.tools.undoing import must_put_back

tools = ToolSet[Account]()
NUMBERS = {"tcp": "6", "udp": "17", "all": "-1"}
CONVERGES = "It sets what a numbered rule says: a number has one rule or none."


def undo(arguments: SetAclEntry | DeleteAclEntry, result: AclChange, call: Call[Account]) -> AclChange:
    """Put the former rule back, or take the new one away."""
    return _put_back(result, call)


@tools.tool(name="cloud.create_acl_entry", risk=Risk.REVERSIBLE, timeout=SHORT, resource="acl_id", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def create_acl_entry(arguments: SetAclEntry, call: Call[Account]) -> AclChange:
    """Add a numbered rule to a network ACL; its number must be free. The lowest number that matches decides.

    An ACL is stateless: to let a connection in, the answers to ports 1024-65535 must be let out as well.
    """
    wanted = _wanted(arguments)
    before, now = _looked(arguments, call)
    if now is not None and now != wanted:
        raise Refused(f"{_name(arguments)} exists already and says otherwise; take a free number, or replace it")
    if now is None:
        _act("create", arguments.acl_id, wanted, call)
    return _told(arguments, wanted, before)


@tools.tool(name="cloud.replace_acl_entry", risk=Risk.REVERSIBLE, timeout=SHORT, resource="acl_id", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def replace_acl_entry(arguments: SetAclEntry, call: Call[Account]) -> AclChange:
    """Replace a numbered rule of a network ACL."""
    wanted = _wanted(arguments)
    before, now = _looked(arguments, call)
    if now is None:
        raise NotFound(f"{_name(arguments)} does not exist; create it, or look with cloud.describe_network_acl")
    if now != wanted:
        _act("replace", arguments.acl_id, wanted, call)
    return _told(arguments, wanted, before)


@tools.tool(name="cloud.delete_acl_entry", risk=Risk.REVERSIBLE, timeout=SHORT, resource="acl_id", undo=undo,
            repeats_safely=CONVERGES, **DEDUPES)  # fmt: skip
def delete_acl_entry(arguments: DeleteAclEntry, call: Call[Account]) -> AclChange:
    """Delete a numbered rule of a network ACL; traffic it decided over is then decided by the rules behind it."""
    before, now = _looked(arguments, call)
    if now is not None:
        _delete(arguments.acl_id, now, call)
    return _told(arguments, None, before)


def _put_back(result: AclChange, call: Call[Account]) -> AclChange:
    now = _current(result.acl_id, result.rule_number, call, egress=result.egress)
    back = must_put_back(now, left=result.entry, before=result.previous, what=_name(result))
    if back and result.previous is None and now is not None:
        _delete(result.acl_id, now, call)
    elif back and result.previous is not None:
        _act("create" if now is None else "replace", result.acl_id, result.previous, call)
    return _told(result, result.previous, now)


def _wanted(arguments: SetAclEntry) -> AclEntry:
    return AclEntry(
        rule_number=arguments.rule_number,
        egress=arguments.egress,
        protocol=arguments.protocol,
        action=arguments.action,
        cidr=arguments.cidr,
        from_port=arguments.from_port,
        to_port=arguments.to_port,
    )


def _looked(arguments: SetAclEntry | DeleteAclEntry, call: Call[Account]) -> tuple[AclEntry | None, AclEntry | None]:
    """The rule before the first attempt, and the rule now. `Refused` for one that could not be put back exactly."""

    def read() -> AclEntry | None:
        return _current(arguments.acl_id, arguments.rule_number, call, egress=arguments.egress)

    before, now = call.before(AclEntry, read), read()
    if now is not None and now.protocol not in NUMBERS:
        raise Refused(f"{_name(arguments)} is for {now.protocol}: only rules for tcp, udp and all are changed here")
    return before, now


def _current(acl_id: str, number: int, call: Call[Account], *, egress: bool) -> AclEntry | None:
    entries = acl_entries(acl(call.system, acl_id))
    return next((each for each in entries if each.rule_number == number and each.egress is egress), None)


def _act(verb: str, acl_id: str, entry: AclEntry, call: Call[Account]) -> None:
    parameters: dict[str, Any] = {
        "NetworkAclId": acl_id,
        "RuleNumber": entry.rule_number,
        "Egress": entry.egress,
        "Protocol": NUMBERS[entry.protocol],
        "RuleAction": entry.action,
        "CidrBlock": entry.cidr,
    }
    if entry.protocol != "all":
        parameters["PortRange"] = {"From": entry.from_port, "To": entry.to_port}
    call.system.act(f"{verb}_network_acl_entry", **parameters)
    call.acted()


def _delete(acl_id: str, entry: AclEntry, call: Call[Account]) -> None:
    call.system.act("delete_network_acl_entry", NetworkAclId=acl_id, RuleNumber=entry.rule_number, Egress=entry.egress)
    call.acted()


def _name(what: SetAclEntry | DeleteAclEntry | AclChange) -> str:
    return f"rule {what.rule_number} for traffic {'out' if what.egress else 'in'} of {what.acl_id}"


def _told(
    what: SetAclEntry | DeleteAclEntry | AclChange, entry: AclEntry | None, previous: AclEntry | None
) -> AclChange:
    return AclChange(
        acl_id=what.acl_id,
        rule_number=what.rule_number,
        egress=what.egress,
        entry=entry,
        previous=previous,
        changed=entry != previous,
    )
