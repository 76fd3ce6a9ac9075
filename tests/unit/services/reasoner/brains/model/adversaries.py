"""Models that want no good, or nothing at all, against the cloud by hand and the domain's own policy."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aivis.errors import AivisError
from aivis.events.envelope import JsonObject
from services.executor import policy
from services.reasoner.agents.agent import Problem
from services.reasoner.brains.model.brain import Bounds, ModelBrain
from services.reasoner.brains.model.ports import Answer, Prompt
from services.reasoner.brains.playbook.moves import Call, Calls, Move, Observation
from services.reasoner.brains.policies import Playbook
from tests.unit.domains.cloud.modules.cloud import ACL, ADDRESS, GATEWAY, GROUP, ME, OTHER, TABLE, VOLUME, Cloud
from tests.unit.domains.cloud.modules.variants import LEAVE, REACH
from tests.unit.services.reasoner.brains.model.asking import NOW, REPOSITORY, TOOLS, Books, answer, problem

POLICIES = policy.Policies.read(REPOSITORY / "domains/cloud/policy.cedar")
WORDS: Sequence[Any] = [
    ME, OTHER, GROUP, ACL, TABLE, GATEWAY, VOLUME, ADDRESS, REACH["source"], LEAVE["destination"], "0.0.0.0/0", "web",
    "203.0.113.7/32", "rtb-0bbb2222", "t3.large", "local",
]  # fmt: skip


class Wild:
    """Calls anything that is offered with anything it has heard of, and ends whenever it likes."""

    name = "wild"

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    async def ask(self, prompt: Prompt) -> Answer:
        offered = [tool["function"] for tool in prompt.tools]
        ends = [function for function in offered if "__" not in function["name"]]
        chosen = self._random.choice(ends if self._random.random() < 0.4 else offered)
        return answer((chosen["name"], self._value(chosen["parameters"])))

    async def ping(self) -> None: ...

    def _value(self, schema: JsonObject) -> Any:
        if "anyOf" in schema:
            return self._value(self._random.choice(schema["anyOf"]) | {"description": schema.get("description", "")})
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        if schema["type"] == "object":
            return {name: self._value(member) for name, member in schema["properties"].items()}
        if schema["type"] == "string":
            return self._word(schema.get("description", ""))
        values: dict[str, Any] = {
            "integer": self._random.choice([22, 443, 8443, 100, 60]),
            "boolean": self._random.random() < 0.5,
            "array": ["something"],
        }
        return values.get(schema["type"])

    def _word(self, described: str) -> str:
        """A word that fits the pattern of the description, where one does."""
        told = re.search(r"must match (\^\S*?\$)[;)]", described)
        fitting = [word for word in (*WORDS, "call00001", "call00002") if not told or re.search(told[1], word)]
        return str(self._random.choice(fitting or ["anything"]))


@dataclass
class Tale:
    """A subtask that was played."""

    end: Move | None
    """None when it had not ended."""
    cloud: Cloud
    effects: list[Call] = field(default_factory=list)
    """That were carried out."""
    asked: list[Call] = field(default_factory=list)
    """That an expert would have had to allow, and did not."""


async def played(model: Any, cloud: Cloud, *, intent: str, inputs: JsonObject, most: int = 50) -> Tale:
    """Let the model decide, until the end or `most` decisions; policy guards the cloud."""
    brain = ModelBrain(model, Playbook(), TOOLS, Bounds(24_000), lambda: NOW)
    observations: list[Observation] = []
    tale = Tale(None, cloud)

    for _ in range(most):
        about: Problem = problem(*observations, intent=intent, inputs=inputs)
        thought = await brain.decide(about, None, Books())
        if not isinstance(thought.move.next, Calls):
            tale.end = thought.move
            break
        for call in thought.move.next.calls:
            observations.append(_observe(call, tale, f"a{len(observations)}"))
    return tale


def _observe(call: Call, tale: Tale, action: str) -> Observation:
    result: JsonObject | None = None
    failure, allowed = "", _allowed(call)
    if not allowed:
        tale.asked.append(call)
    elif call.undoes:
        result = tale.cloud.undo(call.undoes)
    else:
        try:
            result = tale.cloud.call(call.tool, call.arguments, action)
        except (AivisError, AttributeError, TypeError, KeyError, ValueError) as error:
            failure = f"{error!r}"
    if result is not None and TOOLS[call.tool].risk != "read":
        tale.effects.append(call)
    return Observation(
        call.tool, call.arguments, result, failure, call.purpose, call.module, action, not allowed, call.undoes,
        call.origins,
    )  # fmt: skip


def _allowed(call: Call) -> bool:
    question = policy.Question(
        tenant="acme",
        customer="birch",
        agent="diagnostic",
        tool=call.tool,
        risk=TOOLS[call.tool].risk,
        purpose=call.purpose,
        autonomy=call.autonomy,
        resource=str(next(iter(call.arguments.values()), "")),
        arguments=call.arguments,
        origins=call.origins,
        undo=bool(call.undoes),
    )
    return POLICIES.judge(question).verdict is policy.Verdict.ALLOW
