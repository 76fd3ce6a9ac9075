"""The brain with a model: it decides where it can be understood, the playbook where it cannot."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from aivis.errors import Invalid, Refused
from aivis.events.cases import ModelResponded
from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName
from aivis.modules.catalogue import Catalogue
from aivis.places import Busy, Places
from services.reasoner import metrics
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.model import reading, schemas
from services.reasoner.brains.model.circuit import PAUSE, Circuit, Circuits
from services.reasoner.brains.model.context import Context, assemble
from services.reasoner.brains.model.grounds import current, truthful
from services.reasoner.brains.model.ports import Answer, Endpoint, Prompt, Unavailable
from services.reasoner.brains.model.situation import situation
from services.reasoner.brains.model.tokens import tokens_of
from services.reasoner.brains.thought import Account, Brain, Thought

log = structlog.get_logger()

_MODELLED = frozenset({AgentName.DIAGNOSTIC, AgentName.OPERATIONS})
"""The knowledge agent answers word for word out of passages: no model writes what could be invented."""


@dataclass(frozen=True)
class Bounds:
    """How much a model is given to do."""

    tokens: int
    """Of one question, tools included."""
    in_flight: int = 32
    """Questions at once; further ones wait, the tenants in turn."""
    completion: int = 2_000
    """Tokens that an answer takes at most."""
    patience: float = 60
    """Seconds that a question waits for its turn, before the playbook decides."""
    pause: timedelta = PAUSE
    """For how long an endpoint that failed is left alone."""


class ModelBrain:
    """Asks `endpoint`; `fallback` decides when the endpoint is down, over budget, or talks nonsense."""

    def __init__(
        self, endpoint: Endpoint, fallback: Brain, catalogue: Catalogue, bounds: Bounds, now: Callable[[], datetime]
    ) -> None:
        """`Invalid` when a tool of the catalogue cannot be named to a model."""
        self._endpoint = endpoint
        self._fallback = fallback
        self._catalogue = schemas.checked(catalogue)
        self._bounds = bounds
        self._places = Places(bounds.in_flight)
        self._circuits = Circuits(now, bounds.pause)

    async def decide(self, problem: Problem, response: ModelResponded | None, account: Account) -> Thought:
        if problem.subtask.agent not in _MODELLED:
            return await self._fallback.decide(problem, None, account)
        try:
            context = assemble(AGENTS[problem.subtask.agent], problem, self._catalogue, tokens=self._bounds.tokens)
            said = response or await self._said(context.prompt, problem, account)
        except (Unavailable, Invalid, Refused) as error:
            return await self._instead(problem, account, error)
        if response is None:
            await account.record(said)
        try:
            return self._understood(said, context, problem)
        except Invalid as error:
            return await self._instead(problem, account, error)

    async def check(self) -> None:
        """`Unavailable` while the model cannot be asked: the playbook decides meanwhile."""
        if self._circuits.trouble:
            raise Unavailable(self._circuits.trouble)
        await self._endpoint.ping()

    async def _said(self, prompt: Prompt, problem: Problem, account: Account) -> ModelResponded:
        try:
            async with self._places.waited_for(problem.tenant, self._bounds.patience):
                self._circuits.of(problem.tenant).admit()
                await account.reserve(prompt.tokens, self._bounds.completion)
                answer = await self._asked(prompt, self._circuits.of(problem.tenant), account)
        except Busy as error:
            raise Unavailable(f"model {self._endpoint.name}: {error}") from error
        return _recorded(answer, prompt, self._endpoint.name, problem.subtask.id)

    async def _asked(self, prompt: Prompt, circuit: Circuit, account: Account) -> Answer:
        try:
            answer = await self._endpoint.ask(prompt)
        except Unavailable as error:
            circuit.failed(str(error), error.seconds)
            account.unanswered(free=error.free)
            raise
        except Invalid:
            circuit.answered()
            account.unanswered(free=True)
            raise
        if answer.trouble:
            circuit.failed(answer.trouble)
        else:
            circuit.answered()
        return answer

    def _understood(self, said: ModelResponded, context: Context, problem: Problem) -> Thought:
        move = reading.move(said.output or {}, situation(problem, context.toolset, self._catalogue))
        metrics.MODEL_ANSWERS.labels(said.model, "acted-on").inc()
        return Thought(move, said.model)

    async def _instead(self, problem: Problem, account: Account, error: Exception) -> Thought:
        """The playbook's decision, which says why it is not the model's."""
        became = {Unavailable: "unavailable", Refused: "over-budget"}.get(type(error), "refused")
        metrics.MODEL_ANSWERS.labels(self._endpoint.name, became).inc()
        log.warning("the playbook decides, not the model", subtask=problem.subtask.id, error=str(error))
        thought = await self._fallback.decide(current(problem, self._catalogue), None, account)
        move = truthful(thought.move, problem, self._catalogue)
        reason = f"{move.reason} (The playbook decides, not the model: {error}.)"
        return replace(thought, move=replace(move, reason=reason))


def _recorded(answer: Answer, prompt: Prompt, model: str, subtask: str) -> ModelResponded:
    """The answer as it goes into the case's log; where the endpoint does not count tokens they are estimated."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in answer.calls]
    output: JsonObject = {"text": answer.text, "calls": calls, "finish": answer.finish}
    if answer.trouble:
        output["trouble"] = answer.trouble
    return ModelResponded(
        model=model,
        subtask=subtask,
        output=output,
        prompt_tokens=prompt.tokens if answer.prompt_tokens is None else answer.prompt_tokens,
        completion_tokens=tokens_of(output) if answer.completion_tokens is None else answer.completion_tokens,
    )
