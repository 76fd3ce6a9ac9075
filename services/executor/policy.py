"""Authorisation: Cedar policies say whether an action may run, needs an expert's word, or may not.

A policy that cannot be evaluated, or no policy that permits, means no: errors fail closed.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import cedarpy
import orjson

from aivis.errors import Invalid
from aivis.events.actions import Autonomy, Origin, Purpose
from aivis.events.envelope import JsonObject
from aivis.toolkit.declaration import Risk
from services.executor import parameters

_AUTONOMIES = tuple(Autonomy)
_LONG = 2**63


class Verdict(StrEnum):
    ALLOW = "allow"
    NEEDS_APPROVAL = "needs-approval"
    FORBID = "forbid"


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reason: str = ""
    """In words, for the expert; empty when allowed."""


@dataclass(frozen=True)
class Question:
    """Who wants to do what, to which resource, with what."""

    tenant: str
    """From the envelope, never from a payload."""
    customer: str
    agent: str
    tool: str
    risk: Risk
    purpose: Purpose
    autonomy: Autonomy
    resource: str
    arguments: JsonObject
    origins: dict[str, Origin]
    undo: bool = False
    """It reverses an effect of the same case that the ledger knows."""


def stricter(one: Autonomy, other: Autonomy) -> Autonomy:
    """The one of the two that lets the agent do less."""
    return min(one, other, key=_AUTONOMIES.index)


class Policies:
    """The policies of one domain."""

    def __init__(self, text: str, *, where: str) -> None:
        """`Invalid` when `text` is not Cedar; `where` names it."""
        try:
            self._policies = cedarpy.PolicySet.from_str(text)
            parsed = orjson.loads(cedarpy.policies_to_json_str(text))
        except ValueError as error:
            raise Invalid(f"{where}: not Cedar policies: {error}") from error
        self._notes = {id: policy.get("annotations", {}) for id, policy in parsed["staticPolicies"].items()}

    @classmethod
    def read(cls, path: Path) -> "Policies":
        """The policies in the file at `path`."""
        try:
            return cls(path.read_text(encoding="utf-8"), where=str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"{path}: the policies cannot be read: {error}: without them nothing may run") from error

    def judge(self, question: Question) -> Judgement:
        """Needs approval: what is denied without an expert's word and permitted with it."""
        entities = _entities(question)
        try:
            permitted, why = self._ask(question, entities, approved=False)
            if permitted:
                return Judgement(Verdict.ALLOW)
            permitted, why_not = self._ask(question, entities, approved=True)
        except Invalid as error:
            return Judgement(Verdict.FORBID, str(error))
        return Judgement(Verdict.NEEDS_APPROVAL, why) if permitted else Judgement(Verdict.FORBID, why_not)

    def _ask(self, question: Question, entities: list[JsonObject], *, approved: bool) -> tuple[bool, str]:
        """Whether the policies permit it, and if not why; `Invalid` when they cannot be evaluated."""
        answer = cedarpy.is_authorized(_request(question, approved=approved), self._policies, entities)
        errors = answer.diagnostics.errors
        if errors or answer.decision is cedarpy.Decision.NoDecision:
            raise Invalid(f"the policies cannot be evaluated, so nothing may run: {'; '.join(errors)[:500]}")
        reasons = [self._in_words(id) for id in sorted(answer.diagnostics.reasons)]
        return answer.allowed, "; ".join(reasons) or f"no policy permits {question.tool}"

    def _in_words(self, id: str) -> str:
        notes = self._notes.get(id, {})
        return str(notes.get("reason") or notes.get("id") or id)


def _entities(question: Question) -> list[JsonObject]:
    tenant = _uid("Tenant", question.tenant)
    return [
        {"uid": tenant, "attrs": {}, "parents": []},
        {
            "uid": _uid("Agent", question.agent),
            "attrs": {"tenant": question.tenant, "customer": question.customer},
            "parents": [tenant],
        },
        {"uid": _uid("Action", question.tool), "attrs": {}, "parents": [_uid("Action", question.risk.value)]},
        {"uid": _uid("Resource", question.resource), "attrs": {"tenant": question.tenant}, "parents": [tenant]},
    ]


def _request(question: Question, *, approved: bool) -> dict[str, Any]:
    return {
        "principal": _uid("Agent", question.agent),
        "action": _uid("Action", question.tool),
        "resource": _uid("Resource", question.resource),
        "context": {
            "risk": question.risk.value,
            "purpose": question.purpose.value,
            "autonomy": question.autonomy.value,
            "approved": approved,
            "undo": question.undo,
            "arguments": _cedar(question.arguments),
            "origins": sorted({origin.value for origin in question.origins.values()}),
            "origin": {_name(name): origin.value for name, origin in question.origins.items()},
            "everyone": parameters.open_to_everyone(question.arguments),
        },
    }


def _uid(kind: str, id: str) -> JsonObject:
    return {"type": kind, "id": id}


def _name(name: str) -> str:
    """A record's key; Cedar gives a meaning of its own to what begins with two underscores."""
    return "_" + name if name.startswith("__") else name


def _cedar(value: Any) -> Any:
    """A JSON value as Cedar has it: null is left out; fractions and integers beyond 64 bits become text."""
    if isinstance(value, dict):
        return {_name(name): _cedar(child) for name, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_cedar(child) for child in value if child is not None]
    if isinstance(value, float) or (isinstance(value, int) and not -_LONG <= value < _LONG):
        return str(value)
    return value
