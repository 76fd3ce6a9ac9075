"""Segments: sentences, clauses, and who speaks."""

import pytest

from services.planner.segments import MAX_CHARACTERS, Voice, clauses, sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It is down. Please help!", ["It is down.", "Please help!"]),
        ("Version 1.2 at 10.0.0.1 fails, e.g. today. Why?", ["Version 1.2 at 10.0.0.1 fails, e.g. today.", "Why?"]),
        ("打不开。请看看?谢谢", ["打不开。", "请看看?", "谢谢"]),
        ("see https://a.example/x?y=1 please", ["see https://a.example/x?y=1 please"]),
        ("a line that\ngoes on here\n\nanother", ["a line that goes on here", "another"]),
        ("1. restart it\n2) tag it\n- stop it\n(b) start it", ["restart it", "tag it", "stop it", "start it"]),
        ("...\n!!!", []),
        ("", []),
    ],
)
def test_sentences_end_where_they_end(text: str, parts: list[str]) -> None:
    assert texts(text) == parts


@pytest.mark.parametrize(
    "text", ["> please stop it", "```\nplease stop it\n```", "2024-05-01 10:00:00 stop it", "$ stop it"]
)
def test_quotes_logs_and_code_are_not_the_customers_voice(text: str) -> None:
    assert [sentence.voice for sentence in sentences(f"{text}\n\nThanks a lot.")] == [Voice.QUOTED, Voice.CUSTOMER]


def test_clauses_part_at_conjunctions_and_know_what_comes_after() -> None:
    sentence = "Stop it, then resize it and finally start it"
    found = clauses(sentence)
    assert [sentence[each.start : each.end].strip() for each in found] == ["Stop it", "resize it", "finally start it"]
    assert [each.sequel for each in found] == [False, True, True]


def test_a_sentence_of_one_clause_has_none() -> None:
    assert clauses("Restart it") == ()


def test_of_a_very_long_text_head_and_tail_are_read() -> None:
    long = "first words. " + "noise " * MAX_CHARACTERS + "\n\nlast words."
    assert texts(long)[0] == "first words."
    assert texts(long)[-1] == "last words."
    assert sum(map(len, texts(long))) <= MAX_CHARACTERS
