"""Mentions: values of declared kinds, read once each."""

import pytest

from services.planner.domain import Entity, Kind, Routing
from services.planner.mentions import Reader, hides_text, normalised
from tests.unit.services.planner.desk import desk_domain

IPV4 = r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)"
ENTITIES = (
    Entity.model_validate({"name": "thing", "kind": Kind.ID, "mask": "thing", "patterns": [r"\b(?P<value>X-\d+)\b"]}),
    Entity.model_validate({"name": "pair", "patterns": [r"(?P<tag_key>\w+)=(?P<tag_value>\w+)"]}),
    Entity.model_validate(
        {"name": "rename", "patterns": [{"match": r"rename to (?P<tag_value>\w+)", "gives": {"tag_key": "Name"}}]}
    ),
    Entity.model_validate(
        {
            "name": "size",
            "kind": Kind.GIBIBYTES,
            "minimum": 1,
            "patterns": [{"match": r"by \d+ GB", "choose": False}, r"(?P<value>\d+(?:\.\d+)? ?(?:[TGM]B|GiB))"],
        }
    ),
    Entity.model_validate({"name": "source", "kind": Kind.NETWORK, "patterns": [rf"from (?P<value>{IPV4}(?:/\d+)?)"]}),
    Entity.model_validate({"name": "address", "kind": Kind.ADDRESS, "patterns": [f"(?P<value>{IPV4})"], "bare": IPV4}),
    Entity.model_validate(
        {
            "name": "port",
            "kind": Kind.INTEGER,
            "minimum": 1,
            "maximum": 65535,
            "patterns": [r"ports? (?P<values>\d+(?:(?:, | and )\d+)*)"],
            "words": {r"\bhttps\b": 443},
            "bare": r"\b\d{1,5}\b",
        }
    ),
)


def reader() -> Reader:
    return Reader(desk_domain().routing.model_copy(update={"entities": ENTITIES, "fragments": {}}))


def read(text: str) -> list[dict[str, str | int]]:
    return [dict(mention.values) for mention in reader().read(normalised(text))]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("X-12 and x-13", [{"thing": "x-12"}, {"thing": "x-13"}]),
        ("打开X-12吧", [{"thing": "x-12"}]),
        ("team=ops", [{"tag_key": "team", "tag_value": "ops"}]),
        ("rename to web", [{"tag_key": "Name", "tag_value": "web"}]),
        ("1.5 TB", [{"size": 1536}]),
        ("100 GiB", [{"size": 100}]),
        ("by 20 GB", []),
        ("from 203.0.113.7", [{"source": "203.0.113.7/32"}]),
        ("from 203.0.113.7/24", [{"source": "203.0.113.0/24"}]),
        ("from 203.0.113.700", []),
        ("at 203.0.113.7", [{"address": "203.0.113.7"}]),
        ("ports 80, 443 and 8080", [{"port": 80}, {"port": 443}, {"port": 8080}]),
        ("port 70000", []),
        ("port 443", [{"port": 443}]),
    ],
)
def test_values_are_read_in_their_kinds(text: str, values: list[dict[str, str | int]]) -> None:
    assert read(text) == values


def test_a_word_gives_a_value_only_where_no_value_is_named() -> None:
    assert read("https does not answer") == [{"port": 443}]
    assert read("https on port 8443 does not answer") == [{"port": 8443}]


def test_what_is_named_as_not_meant_is_excluded() -> None:
    excluded = [mention for mention in reader().read("not port 443 but port 8443") if mention.excluded]
    assert [mention.values for mention in excluded] == [{"port": 443}]


def test_mentions_are_masked_and_words_said_twice_are_said_once() -> None:
    own = reader()
    text = "restart my thing X-12 over https"
    assert own.masked(text, own.read(text)) == "restart my thing over https"


def test_a_bare_answer_is_read_for_the_input_that_was_asked_for() -> None:
    assert reader().read_bare("port", "8443, thanks") == 8443
    assert reader().read_bare("port", "no idea") is None
    assert reader().read_bare("unheard_of", "8443") is None


def test_values_of_others_are_brought_to_the_kind_of_the_input() -> None:
    own = reader()
    assert own.value("source", "203.0.113.7") == "203.0.113.7/32"
    assert own.value("port", "http") is None
    assert own.value("question", "why?") == "why?"


def test_full_width_signs_are_ascii_and_invisible_characters_go() -> None:
    assert normalised("端口\uff1a\uff14\uff14\uff13\u200b") == "端口:443"
    assert hides_text("a" + "\u200b" * 6)
    assert not hides_text("a\u200bb")


def test_fragments_build_on_those_before_them() -> None:
    entity = Entity.model_validate({"name": "plate", "patterns": ["(?P<value>{plate})"]})
    fragments = {"letter": "[A-C]", "plate": r"{letter}{letter}\d"}
    routing: Routing = desk_domain().routing.model_copy(update={"entities": (entity,), "fragments": fragments})
    assert [mention.values for mention in Reader(routing).read("AB1 and XY1")] == [{"plate": "AB1"}]
