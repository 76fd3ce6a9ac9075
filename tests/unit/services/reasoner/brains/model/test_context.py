"""What a model is told fits the budget, and is what helps most."""

from itertools import pairwise

import orjson
import pytest

from aivis.errors import Refused
from aivis.events.envelope import JsonObject
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.roster import AGENTS
from services.reasoner.brains.model.context import Context, assemble
from services.reasoner.brains.model.tokens import BYTES_PER_TOKEN
from services.reasoner.brains.playbook.moves import Observation
from tests.unit.services.reasoner.brains.model.asking import DESCRIBE, STOPPED, TOOLS, looks, problem, seen


def told(about: Problem, tokens: int = 24_000) -> Context:
    return assemble(AGENTS[about.subtask.agent], about, TOOLS, tokens=tokens)


def results(context: Context) -> list[JsonObject]:
    return [message for message in context.prompt.messages if message["role"] == "tool"]


def offered(context: Context) -> set[str]:
    return {tool["function"]["name"] for tool in context.prompt.tools}


MANY: tuple[Observation, ...] = tuple(looks(STOPPED | {"n": n, "pad": "x" * 2_000}) for n in range(40))


@pytest.mark.parametrize("tokens", [4_000, 8_000, 24_000, 100_000])
@pytest.mark.parametrize("intent", ["diagnose.connectivity", "operate.resize"])
def test_a_question_stays_under_the_budget_tools_included(tokens: int, intent: str) -> None:
    context = told(problem(*MANY, intent=intent, question="my server is down! " * 5_000), tokens)
    size = len(orjson.dumps(context.prompt.messages)) + len(orjson.dumps(context.prompt.tools))
    assert size / BYTES_PER_TOKEN <= tokens
    assert context.prompt.tokens <= tokens


@pytest.mark.parametrize("question", ["服务器无法连接。" * 2_000, "\U0001f600" * 9_000, "é" * 30_000])
def test_other_scripts_do_not_break_the_budget(question: str) -> None:
    context = told(problem(*MANY, question=question, guidance=(question, question, question)), 4_000)
    size = len(orjson.dumps(context.prompt.messages)) + len(orjson.dumps(context.prompt.tools))
    assert size / BYTES_PER_TOKEN <= 4_000


def test_the_newest_results_stay_and_what_is_left_out_is_said() -> None:
    context = told(problem(*MANY), 8_000)
    kept = [orjson.loads(message["content"])["n"] for message in results(context)]
    assert 0 < len(kept) < 40
    assert kept == list(range(40 - len(kept), 40))
    assert f"{40 - len(kept)} earlier calls are left out" in context.prompt.messages[2]["content"]


def test_what_was_offered_once_is_offered_at_every_step() -> None:
    few, many = told(problem(), 8_000), told(problem(*MANY), 8_000)
    assert few.prompt.tools == many.prompt.tools
    assert few.prompt.messages[:2] == many.prompt.messages[:2]


def test_a_budget_too_small_for_the_task_is_refused_with_the_setting_to_change() -> None:
    with pytest.raises(Refused, match="raise AIVIS_REASONER_MODEL_TOKENS=300"):
        told(problem(), 300)


def test_a_huge_result_is_cut_and_says_so() -> None:
    context = told(problem(looks({"log": "y" * 1_000_000})))
    (message,) = results(context)
    assert len(message["content"]) < 7_000
    assert message["content"].endswith("characters in all)")


def test_every_call_has_its_result_behind_it_under_an_id_that_every_endpoint_takes() -> None:
    messages = told(problem(looks(STOPPED), seen(DESCRIBE, None))).prompt.messages
    calls = [(one, two) for one, two in pairwise(messages) if one["role"] == "assistant"]
    assert len(calls) == 2
    for call, result in calls:
        id = call["tool_calls"][0]["id"]
        assert result["tool_call_id"] == id
        assert (len(id), id.isalnum()) == (9, True)
    assert calls[1][1]["content"] == "Failed: out of order"


def test_a_refusal_by_policy_reads_other_than_a_failure() -> None:
    context = told(problem(seen(DESCRIBE, None, forbidden=True, failure="an expert said no")))
    assert results(context)[0]["content"] == "Not allowed: an expert said no"


def test_the_modules_of_the_problem_come_first_and_with_their_tools() -> None:
    context = told(problem(intent="operate.resize"), 6_000)
    assert [module.name for module in context.toolset.modules] == ["resize_instance"]
    assert {"cloud__resize_instance", "cloud__stop_instance", "cloud__start_instance"} <= offered(context)


def test_a_change_that_no_module_of_the_problem_knows_is_not_on_offer() -> None:
    assert "cloud__terminate_instance" not in offered(told(problem(), 100_000))
    assert "cloud__terminate_instance" in offered(told(problem(intent="operate.terminate")))
    assert "cloud__describe_volumes" in offered(told(problem(), 100_000))


def test_an_experts_word_is_told_apart_from_the_customers() -> None:
    task = orjson.loads(told(problem(guidance=("Restart it.",))).prompt.messages[1]["content"])
    assert task["what_an_expert_of_ours_said"] == ["Restart it."]
    assert "server" in task["what_the_customer_wrote"]
