"""The brain with a model: it decides where it can be understood, the playbook where it cannot."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from aivis.errors import AivisError, Invalid
from aivis.events.cases import ModelResponded
from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName
from aivis.modules.catalogue import Catalogue
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.model import context, reading, schemas
from services.reasoner.brains.model.endpoint import Answer, Endpoint
from services.reasoner.brains.thought import Brain, Record, Thought

log = structlog.get_logger()

PAUSE = timedelta(seconds=30)
"""How long an endpoint that failed is left alone."""
_MODELLED = frozenset({AgentName.DIAGNOSTIC, AgentName.OPERATIONS})


class ModelBrain:
    """Asks `endpoint`; `fallback` decides when the endpoint is down, over budget, or talks nonsense."""

    def __init__(
        self, endpoint: Endpoint, fallback: Brain, catalogue: Catalogue, *, tokens: int, now: Callable[[], datetime]
    ) -> None:
        self._endpoint = endpoint
        self._fallback = fallback
        self._catalogue = catalogue
        self._tokens = tokens
        self._now = now
        self._silent_until: datetime | None = None

    async def decide(self, problem: Problem, response: ModelResponded | None, record: Record) -> Thought:
        if problem.subtask.agent not in _MODELLED:
            return await self._fallback.decide(problem, None, record)
        try:
            output = await self._output(problem, response, record)
            return Thought(reading.move(output, problem, self._catalogue), self._endpoint.name)
        except AivisError as error:
            log.warning("the playbook decides instead of the model", error=str(error), subtask=problem.subtask.id)
            return await self._fallback.decide(problem, None, record)

    async def _output(self, problem: Problem, response: ModelResponded | None, record: Record) -> JsonObject:
        """The model's answer: the one on record, or a new one that is put on record first."""
        if response is not None and response.output is not None:
            return response.output
        if self._silent_until is not None and self._now() < self._silent_until:
            raise Invalid(
                f"model {self._endpoint.name} failed a moment ago and is left alone until {self._silent_until}"
            )
        try:
            answer = await self._endpoint.ask(*self._question(problem))
        except AivisError:
            self._silent_until = self._now() + PAUSE
            raise
        self._silent_until = None
        recorded = _recorded(answer, self._endpoint.name, problem.subtask.id)
        await record(recorded)
        assert recorded.output is not None
        return recorded.output

    def _question(self, problem: Problem) -> tuple[list[JsonObject], list[JsonObject]]:
        agent = AGENTS[problem.subtask.agent]
        tools = [tool for tool in self._catalogue.values() if tool.name.startswith(agent.tools)]
        return context.messages(agent, problem, tokens=self._tokens), schemas.functions(tools)


def _recorded(answer: Answer, model: str, subtask: str) -> ModelResponded:
    """The answer as it goes into the case's log, bounded: more than this no decision needs."""
    calls = [{"name": call.name[:200], "arguments": call.arguments[:20_000]} for call in answer.calls[:20]]
    return ModelResponded(
        model=model,
        subtask=subtask,
        output={"text": answer.text[:20_000], "calls": calls},
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
    )
