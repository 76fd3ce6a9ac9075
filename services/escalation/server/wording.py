"""From what an expert sends to the command that it is; used by the API and by the pages' forms."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from aivis.errors import NotFound
from aivis.events import registry
from aivis.events.actions import ApprovalDenied, ApprovalGranted, Settlement
from aivis.events.envelope import JsonObject, Payload
from aivis.events.escalations import (
    AnswerGiven,
    CaseHandedBack,
    CaseTaken,
    FeedbackGiven,
    FeedbackKind,
    GuidanceGiven,
)
from aivis.problems import Problem
from services.escalation.entry import Approval, Entry


@dataclass(frozen=True)
class Word:
    """What was said of an action."""

    verb: str
    """`approve`, `deny`, `settle`."""
    action: str
    said: JsonObject
    expert: str


def of_an_action(word: Word, case: Entry) -> Payload:
    """The command on an action of `case`. An approval is bound to the parameters that are shown now, or that were."""
    if word.verb == "settle":
        return _made(Settlement, {**word.said, "action": word.action}, word.expert)
    approval = _approval(case, word.action)
    digest = word.said.get("digest") or approval.digest
    said = {**word.said, "action": word.action, "digest": digest, "expires_at": approval.expires_at}
    return _made(ApprovalGranted if word.verb == "approve" else ApprovalDenied, said, word.expert)


def _approval(case: Entry, action: str) -> Approval:
    for approval in case.approvals:
        if approval.action == action:
            return approval
    raise NotFound(f"no approval was asked for action {action}: it is in doubt, so settle it instead")


def _judgement(said: JsonObject, expert: str) -> Payload:
    for field in ("about", "right"):
        if said.get(field) in (None, ""):
            detail = f"{field} is missing: say about what (an id of the timeline), and whether it was right"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field=field)
    return _made(FeedbackGiven, {**said, "kind": FeedbackKind.JUDGEMENT}, expert)


def _made(kind: type[Payload], said: JsonObject, expert: str) -> Payload:
    """The payload of what was said; the expert's name is the key's, whatever the body says."""
    values: dict[str, Any] = {**said, "expert": expert}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, registry.fault(error), field=field) from error


OF_A_CASE: dict[str, Callable[[JsonObject, str], Payload]] = {
    "take": lambda said, expert: _made(CaseTaken, {}, expert),
    "guide": lambda said, expert: _made(GuidanceGiven, said, expert),
    "answer": lambda said, expert: _made(AnswerGiven, said, expert),
    "hand-back": lambda said, expert: _made(CaseHandedBack, said, expert),
    "judge": _judgement,
}
"""Commands on a case, by the last part of their address."""
