"""Concepts: found in spite of languages, gaps and typos."""

import pytest

from services.planner.concepts import Lexicon

CONCEPTS = {
    "restart": ["restart*", "turn * off and on", "重启"],
    "start": ["start"],
    "port": ["port", "端口"],
    "limit": ["*limitexceeded"],
    "closed": ["no longer open"],
    "open": ["open"],
}


def lexicon(*known: str) -> Lexicon:
    return Lexicon(CONCEPTS, known=lambda word: word in known)


def found(text: str) -> list[str]:
    return [each.concept for each in lexicon().find(text)]


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("Restarting the server", ["restart"]),
        ("please turn the old box off and on", ["restart"]),
        ("请重启,端口 443", ["restart", "port"]),
        ("VcpuLimitExceeded", ["limit"]),
        ("the port is no longer open", ["port", "closed"]),
        ("report", []),
        ("turn one two three four off and on", []),
    ],
)
def test_concepts_are_found_as_whole_words_in_order_the_longest_first(text: str, concepts: list[str]) -> None:
    assert found(text) == concepts


def test_a_place_is_told_in_characters() -> None:
    (each,) = lexicon().find("a port")
    assert (each.start, each.end) == (2, 6)


@pytest.mark.parametrize(
    ("typo", "meant"), [("restrat", "restart"), ("opne", "open"), ("prot", "port"), ("sttart", "start")]
)
def test_a_word_one_slip_away_from_a_concept_is_mended(typo: str, meant: str) -> None:
    assert lexicon().mend(f"please {typo} it") == f"please {meant} it"


def test_a_known_word_is_no_typo() -> None:
    assert lexicon("prot").mend("prot") == "prot"


@pytest.mark.parametrize("word", ["ports", "opened", "part", "pot", "op"])
def test_other_forms_and_other_short_words_are_left(word: str) -> None:
    assert lexicon("opened").mend(word) == word


def test_missing_apostrophes_are_put_back() -> None:
    assert lexicon().mend("I cant, it doesnt") == "I can't, it doesn't"


def test_chinese_is_read_word_by_word_into_english_and_english_is_left() -> None:
    own = lexicon()
    text = "请重启 instance 的端口"
    assert own.gloss(text, own.find(text)) == "restart instance port"
    assert own.gloss("restart it", own.find("restart it")) == "restart it"
