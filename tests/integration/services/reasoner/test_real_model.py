"""Against a real model server: the wire holds, and a model too small to decide anything breaks no case."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aivis.events.cases import DecisionMade, ModelResponded
from aivis.events.replies import Outcome
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.model.context import assemble
from services.reasoner.brains.model.endpoint import OpenAiEndpoint, Place
from services.reasoner.brains.model.ports import Prompt
from services.reasoner.brains.model.tokens import tokens_of
from tests.integration.services.reasoner import small_model
from tests.integration.services.reasoner.desk import desk
from tests.unit.domains.cloud.modules.cloud import Cloud
from tests.unit.services.reasoner.brains.model.asking import STOPPED, TOOLS, looks, problem

pytestmark = [
    pytest.mark.skipif(small_model.weights() is None, reason=f"no model server is installed: {small_model.INSTALL}"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
SHORT = {"temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_model.running() as address:
        yield address


@pytest.fixture
async def endpoint(url: str) -> AsyncIterator[OpenAiEndpoint]:
    made = OpenAiEndpoint(Place(url, "smollm2", seconds=200, options=SHORT))
    yield made
    await made.close()


async def test_it_answers_in_a_stream_and_counts_its_tokens(endpoint: OpenAiEndpoint) -> None:
    prompt = Prompt([{"role": "user", "content": "Say hello."}], [], 20)
    answer = await endpoint.ask(prompt)
    assert answer.text.strip()
    assert answer.finish in {"stop", "length"}
    assert answer.trouble == ""
    assert answer.prompt_tokens is not None
    assert answer.prompt_tokens > 5
    assert answer.completion_tokens is not None
    assert 0 < answer.completion_tokens <= 24
    await endpoint.ping()


async def test_no_question_takes_more_tokens_than_were_reckoned(endpoint: OpenAiEndpoint) -> None:
    about = problem(looks(STOPPED), looks(STOPPED | {"rules": [{"cidr": f"203.0.113.{n}/32"} for n in range(9)]}))
    messages = assemble(AGENTS[about.subtask.agent], about, TOOLS, tokens=5_000).prompt.messages
    plain = [{"role": "user", "content": str(message)} for message in messages]
    answer = await endpoint.ask(Prompt(plain, [], 0))
    assert answer.prompt_tokens is not None
    assert tokens_of(plain) / 2 < answer.prompt_tokens <= tokens_of(plain)


async def test_whatever_it_says_the_case_is_solved_and_what_it_said_is_on_record(tmp_path: Path, url: str) -> None:
    settings = {"model_tokens": 4_000, "model_timeout": 200, "model_options": SHORT}
    async with desk(tmp_path, url, Cloud(state="stopped"), **settings) as at:
        case = await at.ticket("diagnose.instance_down")
    assert case.outcome is Outcome.FIXED
    said = at.logged(ModelResponded)
    assert len(said) == len([each for each in at.logged(DecisionMade) if each.subtask])
    assert case.spent.tokens == sum(each.prompt_tokens + each.completion_tokens for each in said) > 1_000
