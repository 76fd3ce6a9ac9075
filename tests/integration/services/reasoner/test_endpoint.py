"""The endpoint over real HTTP: whole answers, and everything that can go wrong on the way to one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aivis.errors import Invalid
from services.reasoner.brains.model.endpoint import OpenAiEndpoint, Place
from services.reasoner.brains.model.gathering import LONGEST
from services.reasoner.brains.model.ports import Prompt, ToolCall, Unavailable
from tests.integration.services.broker import free_port
from tests.integration.services.reasoner.model_server import DONE, ModelServer, Reply, event, fails, says, serving

PROMPT = Prompt(
    messages=[{"role": "user", "content": "help"}],
    tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    tokens=10,
)
LOOK = ("look", {"id": "i-1"})


def place(server: ModelServer, **changes: Any) -> Place:
    return Place(**{"url": server.url, "name": "m", "key": "secret-key", "seconds": 5.0, **changes})


@contextlib.asynccontextmanager
async def asked(*replies: Reply, **changes: Any) -> AsyncIterator[tuple[ModelServer, OpenAiEndpoint]]:
    async with serving(*replies) as server:
        endpoint = OpenAiEndpoint(place(server, **changes))
        try:
            yield server, endpoint
        finally:
            await endpoint.close()


async def test_a_streamed_answer_is_put_together() -> None:
    async with asked(says(LOOK, ("other", {"n": 2}), text="I look first.")) as (_, endpoint):
        answer = await endpoint.ask(PROMPT)
    assert (answer.text, answer.finish, answer.trouble) == ("I look first.", "tool_calls", "")
    assert answer.calls == (ToolCall("look", '{"id":"i-1"}'), ToolCall("other", '{"n":2}'))
    assert (answer.prompt_tokens, answer.completion_tokens) == (900, 20)


async def test_what_is_sent_is_the_question_the_options_and_the_key() -> None:
    async with asked(says(LOOK), options={"temperature": 0, "top_k": 1, "tool_choice": None}) as (server, endpoint):
        await endpoint.ask(PROMPT)
    (sent,) = server.questions
    assert sent["messages"] == list(PROMPT.messages)
    assert sent["tools"] == list(PROMPT.tools)
    assert (sent["model"], sent["stream"], sent["temperature"], sent["top_k"]) == ("m", True, 0, 1)
    assert sent["stream_options"] == {"include_usage": True}
    assert "tool_choice" not in sent
    assert server.headers[0]["authorization"] == "Bearer secret-key"


async def test_a_tool_must_be_called_unless_the_options_say_otherwise() -> None:
    async with asked(says(LOOK)) as (server, endpoint):
        await endpoint.ask(PROMPT)
    assert server.questions[0]["tool_choice"] == "required"


async def test_an_endpoint_that_does_not_count_tokens_leaves_them_open() -> None:
    async with asked(says(LOOK, usage=None)) as (_, endpoint):
        answer = await endpoint.ask(PROMPT)
    assert (answer.prompt_tokens, answer.completion_tokens) == (None, None)


@pytest.mark.parametrize(
    ("status", "says_so"),
    [
        (401, "HTTP 401 .is AIVIS_REASONER_MODEL_KEY right?"),
        (404, "HTTP 404 .are AIVIS_REASONER_MODEL_URL"),
        (429, "HTTP 429"),
        (500, "HTTP 500"),
        (503, "HTTP 503"),
    ],
)
async def test_a_failure_of_the_endpoint_is_told_after_exactly_one_request(status: int, says_so: str) -> None:
    async with asked(fails(status)) as (server, endpoint):
        with pytest.raises(Unavailable, match=says_so):
            await endpoint.ask(PROMPT)
    assert len(server.questions) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_question_that_is_refused_says_nothing_against_the_endpoint(status: int) -> None:
    async with asked(fails(status, "context too long")) as (server, endpoint):
        with pytest.raises(Invalid, match=f"model m at 127.0.0.1:.*: HTTP {status}: .*context too long"):
            await endpoint.ask(PROMPT)
    assert len(server.questions) == 1


async def test_an_endpoint_over_its_limit_says_how_long_to_leave_it_alone() -> None:
    async with asked(fails(429, retry_after="77")) as (_, endpoint):
        with pytest.raises(Unavailable) as caught:
            await endpoint.ask(PROMPT)
    assert caught.value.seconds == 77


async def test_the_key_is_never_part_of_a_message() -> None:
    async with asked(fails(401, "Incorrect API key provided: secret-key")) as (_, endpoint):
        with pytest.raises(Unavailable) as caught:
            await endpoint.ask(PROMPT)
    assert "secret-key" not in str(caught.value)
    assert "provided: ***" in str(caught.value)


async def test_an_endpoint_that_is_down_is_told_by_its_address() -> None:
    endpoint = OpenAiEndpoint(Place(f"http://127.0.0.1:{free_port()}/v1", "m", seconds=5))
    with pytest.raises(Unavailable, match=r"model m at 127\.0\.0\.1:\d+: Connection error"):
        await endpoint.ask(PROMPT)
    await endpoint.close()


async def test_an_endpoint_that_says_nothing_in_time_is_told_so() -> None:
    async with asked(Reply([DONE], pause=5), seconds=0.2) as (_, endpoint):
        with pytest.raises(Unavailable, match=r"no whole answer in 0\.2 s"):
            await endpoint.ask(PROMPT)


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_stream_that_stops_in_the_middle_is_kept_and_marked(hangs_up: bool) -> None:
    whole = says(LOOK, text="I look", usage=None)
    async with asked(Reply(whole.parts[:3], hangs_up=hangs_up)) as (_, endpoint):
        answer = await endpoint.ask(PROMPT)
    assert answer.text == "I look"
    assert answer.trouble
    assert answer.finish == ""


async def test_an_answer_slower_than_its_time_is_kept_as_far_as_it_came() -> None:
    whole = says(LOOK, text="I look")
    async with asked(Reply(whole.parts, pause=5), seconds=0.5) as (_, endpoint):
        answer = await endpoint.ask(PROMPT)
    assert answer.text == "I look"
    assert "no whole answer in 0.5 s" in answer.trouble


async def test_an_answer_cut_at_length_says_so() -> None:
    async with asked(says(text="and so on", finish="length")) as (_, endpoint):
        assert (await endpoint.ask(PROMPT)).finish == "length"


async def test_an_endless_answer_is_left_at_the_limit() -> None:
    text = event({"choices": [{"delta": {"content": "word " * 200}}]})
    async with asked(Reply([text] * 1_000)) as (_, endpoint):
        answer = await endpoint.ask(PROMPT)
    assert "longer than 30000 characters" in answer.trouble
    assert len(answer.text) <= LONGEST


@pytest.mark.parametrize(
    "part",
    [
        b"data: {not json}\n\n",
        b"data: 17\n\n",
        b'data: "text"\n\n',
        b"data: []\n\n",
        b"data: \xff\xfe\n\n",
        event({"choices": 5}),
        event({"choices": [{"delta": {"tool_calls": [{"index": "no"}]}}]}),
        event({"usage": {"prompt_tokens": -5}}),
        event({"error": {"message": "the worker died"}}),
    ],
)
@pytest.mark.parametrize("begun", [True, False])
async def test_events_that_make_no_sense_end_the_answer(part: bytes, begun: bool) -> None:
    before = says(text="I look").parts[:1] if begun else []
    async with asked(Reply([*before, part, DONE])) as (_, endpoint):
        if begun:
            assert (await endpoint.ask(PROMPT)).trouble
        else:
            with pytest.raises(Unavailable, match="model m at"):
                await endpoint.ask(PROMPT)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_an_answer_that_is_no_stream_of_events_is_told_so(kind: str) -> None:
    async with asked(Reply([b"<html>welcome</html>"], kind=kind)) as (_, endpoint):
        with pytest.raises(Unavailable, match=f"answers {kind}"):
            await endpoint.ask(PROMPT)


async def test_an_empty_stream_is_no_answer() -> None:
    async with asked(Reply([DONE])) as (_, endpoint):
        with pytest.raises(Unavailable, match="the answer was empty"):
            await endpoint.ask(PROMPT)


async def test_who_stops_waiting_leaves_no_connection_behind() -> None:
    slow = Reply(says(LOOK).parts, pause=30)
    async with asked(slow, says(LOOK)) as (server, endpoint):
        task = asyncio.create_task(endpoint.ask(PROMPT))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await server.left.wait()
        assert (await endpoint.ask(PROMPT)).finish == "tool_calls"


async def test_a_ping_is_good_for_a_while() -> None:
    async with asked(says(LOOK)) as (server, endpoint):
        await endpoint.ping()
        await endpoint.ping()
    assert server.lists == 1


async def test_an_endpoint_that_lists_no_models_is_there_all_the_same() -> None:
    async with asked(says(LOOK)) as (server, endpoint):
        server.listing = fails(404)
        await endpoint.ping()


@pytest.mark.parametrize(
    ("listing", "told"),
    [
        (fails(401), "MODEL_KEY right"),
        (fails(502), "HTTP 502"),
        (Reply([b"<html>"], kind="application/json"), "not JSON"),
    ],
)
async def test_a_ping_tells_what_is_wrong(listing: Reply, told: str) -> None:
    async with asked(says(LOOK)) as (server, endpoint):
        server.listing = listing
        with pytest.raises(Unavailable, match=told):
            await endpoint.ping()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"url": "models.example.com"}, "AIVIS_REASONER_MODEL_URL"),
        ({"name": ""}, "AIVIS_REASONER_MODEL_NAME is not set"),
        ({"options": {"stream": False}}, "AIVIS_REASONER_MODEL_OPTIONS: stream"),
    ],
)
def test_a_wrong_setting_is_named_at_once(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        OpenAiEndpoint(place(ModelServer([], "http://127.0.0.1:1/v1"), **changes))
