"""Chunks become an answer."""

from typing import Any

import orjson
import pytest

from aivis.errors import Invalid
from aivis.events.cases import ModelResponded
from aivis.events.envelope import MAX_PAYLOAD_BYTES, body
from services.reasoner.brains.model.gathering import LONGEST, Gathered
from services.reasoner.brains.model.ports import Answer


def gathered(*deltas: dict[str, Any], finish: str | None = "stop") -> Answer:
    made = Gathered()
    for delta in deltas:
        made.add({"choices": [{"delta": delta}]})
    if finish:
        made.add({"choices": [{"delta": {}, "finish_reason": finish}]})
    return made.answer()


def part(index: int | None, id: str | None, name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}


@pytest.mark.parametrize("index", [0, None], ids=["all-numbered-0", "not-numbered"])
def test_calls_that_are_not_told_apart_by_number_are_by_their_ids(index: int | None) -> None:
    answer = gathered(part(index, "a", "look", '{"x'), part(index, None, None, '":1}'), part(index, "b", "see", "{}"))
    assert [(call.name, call.arguments) for call in answer.calls] == [("look", '{"x":1}'), ("see", "{}")]


def test_an_id_that_changes_with_every_chunk_does_not_part_a_call() -> None:
    answer = gathered(part(0, "a", "look", "{"), part(0, "b", None, "}"), part(0, "c", "", " "))
    assert [(call.name, call.arguments) for call in answer.calls] == [("look", "{} ")]


def test_calls_whose_chunks_are_mixed_are_told_apart_by_number() -> None:
    answer = gathered(
        part(0, "a", "one", "{"), part(1, "b", "two", "["), part(0, None, None, "}"), part(1, None, None, "]")
    )
    assert [(call.name, call.arguments) for call in answer.calls] == [("one", "{}"), ("two", "[]")]


def test_arguments_that_are_an_object_already_are_taken_as_one() -> None:
    assert gathered(part(0, "a", "look", {"x": 1})).calls[0].arguments == '{"x":1}'


def test_a_refusal_is_what_was_said_and_reasoning_is_not() -> None:
    thinking = {"content": [{"type": "thinking", "thinking": "hm"}], "reasoning_content": "hm"}
    assert gathered(thinking, {"refusal": "I will not."}).text == "I will not."


def test_characters_that_no_database_holds_are_replaced() -> None:
    answer = gathered({"content": "a\ud800b\x00c"}, part(0, "a", "x\ud800", '{"y": "\ud800"}'))
    assert answer.text == "a?bc"
    orjson.dumps([answer.calls[0].name, answer.calls[0].arguments])


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "\U0001f600" * 100_000},
        part(0, "a", "look", "\x01" * 100_000),
        {
            "tool_calls": [
                {"index": n, "id": str(n), "function": {"name": "x" * 300, "arguments": "{}"}} for n in range(5_000)
            ]
        },
    ],
    ids=["text", "arguments", "calls"],
)
def test_however_large_an_answer_is_what_is_recorded_of_it_fits_into_an_event(delta: dict[str, Any]) -> None:
    made = Gathered()
    with pytest.raises(Invalid, match=f"longer than {LONGEST}"):
        made.add({"choices": [{"delta": delta}]})
    answer = made.answer("too long")
    calls = [{"name": call.name, "arguments": call.arguments} for call in answer.calls]
    event = ModelResponded(model="m", subtask="s1", output={"text": answer.text, "calls": calls, "trouble": "too long"})
    assert len(body(event)) < MAX_PAYLOAD_BYTES


def test_an_answer_without_an_end_is_marked_as_broken_off() -> None:
    assert "ended in the middle" in gathered({"content": "I"}, finish=None).trouble
