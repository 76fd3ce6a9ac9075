"""A model brain under test: the cloud's own modules and tools, an endpoint by script."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from aivis.errors import Refused
from aivis.events.actions import Origin, Purpose
from aivis.events.cases import ModelResponded
from aivis.events.envelope import JsonObject
from aivis.events.plans import AgentName, Subtask
from aivis.modules import catalogue, loader
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.model import reading
from services.reasoner.brains.model.brain import Bounds, ModelBrain
from services.reasoner.brains.model.context import assemble
from services.reasoner.brains.model.ports import Answer, Prompt, ToolCall
from services.reasoner.brains.model.situation import Situation, situation
from services.reasoner.brains.playbook.moves import Calls, Move, Observation
from services.reasoner.brains.policies import Playbook
from services.reasoner.brains.thought import Thought

REPOSITORY = Path(__file__).parents[6]
LIBRARY = loader.load(REPOSITORY / "domains/cloud/modules")
TOOLS = catalogue.read(REPOSITORY / "domains/cloud/tools.json")
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MINE, OTHER = "i-0aaaaaaaa", "i-0bbbbbbbb"
TOKENS = 24_000

DESCRIBE, START, STOP, FIND = (
    f"cloud.{name}" for name in ("describe_instance", "start_instance", "stop_instance", "find_instances")
)
STOPPED: JsonObject = {"instance_id": MINE, "state": "stopped", "state_reason": "User initiated"}
RUNNING: JsonObject = {"instance_id": MINE, "state": "running", "state_reason": ""}


def problem(*observations: Observation, intent: str = "diagnose.instance_down", **changes: Any) -> Problem:
    """A subtask about instance MINE, and what was seen so far."""
    agent = AgentName.OPERATIONS if intent.startswith("operate.") else AgentName.DIAGNOSTIC
    subtask = Subtask(
        id="s1", goal="help", agent=agent, intent=intent, inputs=changes.pop("inputs", {"instance_id": MINE}),
        symptoms=changes.pop("symptoms", ()),
    )  # fmt: skip
    question = changes.pop("question", f"My server {MINE} is down.")
    return Problem(subtask, observations, LIBRARY, question, "en", **changes)


def seen(tool: str, result: JsonObject | None, **changes: Any) -> Observation:
    """A call about MINE that ended; a failure when there is no result."""
    arguments = changes.pop("arguments", {"instance_id": MINE})
    origins = changes.pop("origins", dict.fromkeys(arguments, Origin.TICKET))
    failure = changes.pop("failure", "" if result is not None else "out of order")
    return Observation(tool, arguments, result, failure, origins=origins, **changes)


def started(**changes: Any) -> Observation:
    """The remedy of module instance_stopped, carried out."""
    given = {"purpose": Purpose.REMEDY, "module": "instance_stopped", "action": "a-start", **changes}
    return seen(START, {"state": "running", "previous_state": "stopped"}, **given)


def looks(result: JsonObject, **changes: Any) -> Observation:
    return seen(DESCRIBE, result, **changes)


def here(about: Problem) -> Situation:
    return situation(about, assemble(AGENTS[about.subtask.agent], about, TOOLS, tokens=TOKENS).toolset, TOOLS)


def output(*calls: tuple[str, Any], text: str = "", finish: str = "tool_calls") -> JsonObject:
    """What is recorded of an answer that calls these tools; arguments that are text stay as they are."""
    return {"text": text, "finish": finish, "calls": [{"name": name, "arguments": _text(made)} for name, made in calls]}


def read(about: Problem, *calls: tuple[str, Any], text: str = "") -> Move:
    """The move that an answer with these calls becomes."""
    return reading.move(output(*calls, text=text), here(about))


def wire(tool: str, **arguments: Any) -> tuple[str, JsonObject]:
    """A call as the model writes it."""
    return tool.replace(".", "__"), arguments


def answer(*calls: tuple[str, Any], text: str = "", **changes: Any) -> Answer:
    made = tuple(ToolCall(name, _text(arguments)) for name, arguments in calls)
    return Answer(text, made, **{"finish": "tool_calls", "prompt_tokens": 100, "completion_tokens": 10, **changes})


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


class Scripted:
    """An endpoint that answers, or raises, in turn; the last one again and again. Fakes the port `Endpoint`."""

    name = "scripted"

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.prompts: list[Prompt] = []
        self.broken: Exception | None = None

    async def ask(self, prompt: Prompt) -> Answer:
        self.prompts.append(prompt)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Exception):
            raise said
        return said

    async def ping(self) -> None:
        if self.broken:
            raise self.broken


class Books:
    """An account that pays for everything up to `left` tokens, and keeps what happened. Fakes the port `Account`."""

    def __init__(self, left: int = 10**9) -> None:
        self.left = left
        self.entries: list[str] = []
        self.recorded: list[ModelResponded] = []

    async def reserve(self, prompt: int, completion: int) -> None:
        if prompt + completion > self.left:
            raise Refused(f"the case has {self.left} left to spend")
        self.entries.append("reserved")

    async def record(self, response: ModelResponded) -> None:
        self.entries.append("recorded")
        self.recorded.append(response)

    def unanswered(self, *, free: bool) -> None:
        self.entries.append("free" if free else "lost")


class Asking:
    """A brain, its endpoint, its clock and what its questions cost."""

    def __init__(self, *answers: Answer | Exception, tokens: int = TOKENS) -> None:
        self.endpoint = Scripted(*answers)
        self.now = NOW
        self.books = Books()
        self.brain = ModelBrain(self.endpoint, Playbook(), TOOLS, Bounds(tokens), lambda: self.now)

    async def decide(self, about: Problem, response: ModelResponded | None = None) -> Thought:
        return await self.brain.decide(about, response, self.books)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def recorded(self) -> list[ModelResponded]:
        return self.books.recorded


def tools(move: Move) -> Sequence[str]:
    """The tools that a move calls."""
    assert isinstance(move.next, Calls), move
    return [call.tool for call in move.next.calls]
