"""Text to search terms."""

import pytest

from aivis.terms import is_han, stem, terms


def test_stop_words_are_left_out_and_order_and_repeats_stay() -> None:
    assert terms("How do I stop the instance, and start the Instance?") == ["stop", "instanc", "start", "instanc"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("instance", "instances"),
        ("stop", "stopped"),
        ("stop", "stopping"),
        ("release", "released"),
        ("release", "releasing"),
        ("address", "addresses"),
        ("policy", "policies"),
        ("resize", "resizing"),
        ("gateway", "gateways"),
    ],
)
def test_forms_of_one_word_meet_in_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("instance", "instant"), ("image", "imagine"), ("port", "portal")])
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_a_compound_name_is_found_whole_and_by_its_parts() -> None:
    assert terms("DescribeInstances") == [stem(word) for word in ("describeinstances", "describe", "instances")]


def test_the_plural_of_an_acronym_is_no_compound_name() -> None:
    assert terms("elastic IPs and ACLs") == terms("elastic IP and ACL")


def test_identifiers_and_codes_are_kept_as_they_are() -> None:
    assert terms("i-0abc12 port 22 of 203.0.113.7") == ["0abc12", "port", "22", "203", "0", "113", "7"]


def test_chinese_is_cut_into_pairs_beside_english_words() -> None:
    assert terms("停止ECS实例") == ["停止", stem("ecs"), "实例"]
    assert terms("安全组规则") == ["安全", "全组", "组规", "规则"]


def test_full_width_letters_are_ordinary_letters() -> None:
    assert terms("\uff25\uff23\uff33\u3000实例") == terms("ECS 实例")


@pytest.mark.parametrize("text", ["", "   ", "?!,.", "the of and", "\ud800"])
def test_a_text_without_a_word_has_no_terms(text: str) -> None:
    assert terms(text) == []


@pytest.mark.parametrize(
    ("text", "han"),
    [
        ("如何开放端口?", True),
        ("怎么重启 i-0abc12 实例", True),
        ("open a port", False),
        ("ask 王 about the instance named web", False),
        ("", False),
    ],
)
def test_a_chinese_sentence_is_told_from_an_english_one(text: str, han: bool) -> None:
    assert is_han(text) is han
