"""Schemas as strict endpoints take them, and answers on their way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aivis.errors import Invalid
from aivis.modules import catalogue
from aivis.modules.catalogue import DeclaredTool
from services.reasoner.brains.model import schemas
from services.reasoner.brains.model.strict import loose, strict

REPOSITORY = Path(__file__).parents[6]
TOOLS = catalogue.read(REPOSITORY / "domains/cloud/tools.json")
EVERY_ENDPOINT_KNOWS = {
    "type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description",
}  # fmt: skip
"""Written down here by the documentation, not taken from the code: OpenAI's supported schemas, less what its fine-tuned
models and Anthropic's strict tools refuse (pattern, format, bounds, lengths, default)."""
BOX = {
    "type": "object",
    "additionalProperties": False,
    "required": ["size"],
    "properties": {
        "size": {"$ref": "#/$defs/Size", "description": "How large."},
        "label": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "default": "plain"},
        "lid": {"anyOf": [{"$ref": "#/$defs/Lid"}, {"type": "null"}], "default": None},
        "holds": {"type": "array", "items": {"$ref": "#/$defs/Lid"}, "maxItems": 3},
    },
    "$defs": {
        "Size": {"type": "integer", "minimum": 1},
        "Lid": {
            "type": "object",
            "additionalProperties": False,
            "required": ["colour"],
            "properties": {"colour": {"oneOf": [{"const": "red"}, {"const": "blue"}]}, "thick": {"type": "boolean"}},
        },
    },
}


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema."""
    if isinstance(schema, dict):
        yield schema
        for child in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
            yield from parts(child)
        yield from parts(schema.get("items"))


def functions() -> list[dict[str, Any]]:
    made = [*map(schemas.function, TOOLS.values()), *schemas.controls(["instance_stopped"])]
    return [each["function"] for each in made]


@pytest.mark.parametrize("function", functions(), ids=lambda function: function["name"])
def test_every_tool_of_the_cloud_meets_the_rules_of_strict_schemas(function: dict[str, Any]) -> None:
    assert function["strict"] is True
    schema = function["parameters"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    for part in parts(schema):
        assert part.keys() <= EVERY_ENDPOINT_KNOWS
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == [*part["properties"]]


@pytest.mark.parametrize("function", functions(), ids=lambda function: function["name"])
def test_names_and_descriptions_are_what_endpoints_allow(function: dict[str, Any]) -> None:
    assert len(function["name"]) <= 64
    assert function["name"].replace("_", "").isalnum()
    assert 20 < len(function["description"]) <= 1_024


def filled(schema: dict[str, Any], *, optional: bool) -> Any:
    """A value of a strict schema: with what was optional, or with null for it."""
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if (option.get("type") == "null") is not optional]
        return filled((options or schema["anyOf"])[0], optional=optional)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {name: filled(member, optional=optional) for name, member in schema["properties"].items()}
    return {"array": [], "string": "x", "integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]


def without_bounds(schema: Any) -> Any:
    """The schema, its bounds and patterns left out: what is tested is which fields there are, and their kinds."""
    if isinstance(schema, dict):
        bounds = {"pattern", "minLength", "maxLength", "minimum", "maximum", "minItems"}
        return {name: without_bounds(child) for name, child in schema.items() if name not in bounds}
    return [without_bounds(child) for child in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("optional", [True, False], ids=["given", "null"])
@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_arguments_with_null_for_what_is_optional_come_back_as_the_tool_takes_them(
    tool: DeclaredTool, optional: bool
) -> None:
    answered = filled(strict(tool.arguments), optional=optional)
    back = loose(answered, tool.arguments, tool.arguments)
    Draft202012Validator(without_bounds(tool.arguments)).validate(back)
    if not optional:
        assert set(back) == set(tool.arguments.get("required", ()))


def test_bounds_patterns_and_defaults_are_told_in_words() -> None:
    properties = strict(BOX)["properties"]
    assert properties["size"] == {"type": "integer", "description": "How large. (at least 1)"}
    assert properties["label"] == {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "must match ^[a-z]+$; at most 5 characters; null means plain",
    }


def test_references_are_written_out_and_alternatives_have_one_word() -> None:
    lid = strict(BOX)["properties"]["holds"]["anyOf"][0]["items"]
    assert lid["properties"]["colour"] == {"anyOf": [{"enum": ["red"]}, {"enum": ["blue"]}]}
    assert lid["required"] == ["colour", "thick"]


def test_nulls_are_left_out_at_every_depth_but_where_null_is_a_value() -> None:
    red, blue = ({"colour": colour, "thick": None} for colour in ("red", "blue"))
    answered = {"size": 1, "label": None, "lid": red, "holds": [blue]}
    assert loose(answered, BOX, BOX) == {"size": 1, "lid": {"colour": "red"}, "holds": [{"colour": "blue"}]}
    nullable = {"type": "object", "required": ["a"], "properties": {"a": {"type": ["string", "null"]}}}
    assert loose({"a": None}, nullable, nullable) == {"a": None}


@pytest.mark.parametrize(
    "member",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}},
        {"not": {"type": "string"}},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"$ref": "#/$defs/Nowhere"},
        {"$ref": "#/$defs/Loop"},
    ],
)
def test_a_tool_whose_schema_cannot_be_said_strictly_is_offered_as_it_is(member: dict[str, Any]) -> None:
    loop = {"type": "array", "items": {"$ref": "#/$defs/Loop"}}
    schema = {"type": "object", "properties": {"a": member}, "additionalProperties": False, "$defs": {"Loop": loop}}
    with pytest.raises(Invalid):
        strict(schema)
    tool = next(iter(TOOLS.values()))
    made = schemas.function(DeclaredTool("x.y", schema, {}, tool.risk))["function"]
    assert (made["strict"], made["parameters"]) == (False, schema)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BOX["properties"], "x"]), inner),  # type: ignore[misc]
    max_leaves=10,
)


@given(JSON)
def test_whatever_a_model_writes_can_be_loosened(value: Any) -> None:
    loose(value, BOX, BOX)


def test_names_that_a_model_could_not_tell_apart_are_refused_at_once() -> None:
    tool = next(iter(TOOLS.values()))
    for names in (["a.b__c", "a__b.c"], ["x." + "y" * 70]):
        with pytest.raises(Invalid, match="rename it"):
            schemas.checked(dict.fromkeys(names, tool))
    assert schemas.checked(TOOLS) is TOOLS
