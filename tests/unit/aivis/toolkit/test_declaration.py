from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from aivis.errors import Invalid, NotFound
from aivis.toolkit import Arguments, Call, Closed, Repeat, Result, Risk, ToolSet
from aivis.toolkit.schema import closed_schema
from tests.unit.aivis.toolkit import shelf


class Plain(Arguments):
    name: str
    """A name."""


class Answer(Result):
    tags: dict[str, str]
    """Some tags."""


def undo(arguments: Plain, result: Answer, call: Call[None]) -> None: ...


def lookup(arguments: Plain, call: Call[None]) -> Answer | None: ...


READ: dict[str, Any] = {
    "name": "a.read", "risk": Risk.READ, "repeat": Repeat.DEDUPES, "timeout": timedelta(seconds=1), "owner": "us",
}  # fmt: skip
DEDUPES: dict[str, Any] = {
    **READ, "risk": Risk.REVERSIBLE, "resource": "name", "undo": undo, "dedupe_window": timedelta(days=1),
    "repeats_safely": "It sets a state.",
}  # fmt: skip
LOOKUP: dict[str, Any] = {
    **READ, "risk": Risk.DESTRUCTIVE, "resource": "name", "repeat": Repeat.LOOKUP, "lookup": lookup,
    "settling_time": timedelta(seconds=1),
}  # fmt: skip


def sound(arguments: Plain, call: Call[None]) -> Answer:
    """Does something."""
    return Answer(tags={})


def silent(arguments: Plain, call: Call[None]) -> Answer:
    return Answer(tags={})


def declare(function: Callable[..., Any] = sound, **declared: Any) -> ToolSet[None]:
    tools = ToolSet[None]()
    tools.tool(**declared)(function)
    return tools


@pytest.mark.parametrize("declared", [READ, DEDUPES, LOOKUP, {**LOOKUP, "repeat": Repeat.NEITHER, "lookup": None}])
def test_a_complete_declaration_is_taken(declared: dict[str, Any]) -> None:
    assert len(declare(**declared)) == 1


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({**READ, "name": "Read it"}, "DOMAIN.VERB"),
        ({**READ, "owner": ""}, "owner"),
        ({**READ, "timeout": timedelta(0)}, "timeout"),
        ({**READ, "undo": undo}, "no undo"),
        ({**READ, "repeat": Repeat.NEITHER}, "can be repeated"),
        ({**READ, "resource": "else"}, "no field of Plain"),
        ({**DEDUPES, "resource": ""}, "resource="),
        ({**DEDUPES, "undo": None}, "undo="),
        ({**DEDUPES, "undo": lookup}, "arguments, result, call"),
        ({**DEDUPES, "dedupe_window": timedelta(0)}, "dedupe_window="),
        ({**DEDUPES, "repeats_safely": ""}, "repeats_safely="),
        ({**DEDUPES, "lookup": lookup}, "Repeat.LOOKUP"),
        ({**LOOKUP, "lookup": None}, "lookup="),
        ({**LOOKUP, "lookup": undo}, "(arguments, call)"),
        ({**LOOKUP, "settling_time": timedelta(0)}, "settling_time="),
        ({**LOOKUP, "repeats_safely": "It sets a state."}, "only an effect that dedupes"),
    ],
)
def test_an_incomplete_declaration_is_refused_and_told_what_to_write(declared: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid) as error:
        declare(**declared)
    assert says in str(error.value)
    assert "sound" in str(error.value) or "a.read" in str(error.value)


def test_a_function_without_a_docstring_is_refused() -> None:
    with pytest.raises(Invalid, match="docstring"):
        declare(silent, **READ)


def no_call(arguments: Plain) -> Answer:
    """Takes no call."""
    return Answer(tags={})


def gives_text(arguments: Plain, call: Call[None]) -> str:
    """Gives no model."""
    return ""


@pytest.mark.parametrize("function", [no_call, gives_text])
def test_a_function_of_another_shape_is_refused_and_shown_the_right_one(function: Callable[..., Any]) -> None:
    with pytest.raises(Invalid, match=r"\(arguments: A, call: Call\[S\]\) -> R"):
        declare(function, **READ)


def test_a_name_is_declared_once() -> None:
    tools = declare(**READ)
    with pytest.raises(Invalid, match="twice"):
        tools.tool(**READ)(sound)
    with pytest.raises(Invalid, match="twice"):
        tools.include(declare(**READ))


def test_an_unknown_tool_is_told_as_not_found() -> None:
    with pytest.raises(NotFound, match=r"a\.write"):
        declare(**READ).get("a.write")


class Part(Closed):
    size: int
    """Its size."""


class Whole(Result):
    title: str
    """A field that is called like a word of the schema."""
    parts: list[Part]
    """Its parts."""


def test_schemas_are_closed_and_described_down_to_nested_objects() -> None:
    schema = closed_schema(Whole)
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Part"]["additionalProperties"] is False
    assert schema["properties"]["parts"]["description"] == "Its parts."
    assert schema["properties"]["title"] == {
        "description": "A field that is called like a word of the schema.", "type": "string",
    }  # fmt: skip
    assert "title" not in schema


class Undescribed(Result):
    part: int


class Untyped(Result):
    part: Any
    """Anything."""


class Open(BaseModel):
    part: int
    """Its size."""


class Holds(Result):
    open: Open
    """Something open."""


@pytest.mark.parametrize(
    ("model", "says"),
    [(Undescribed, "Undescribed.part: has no description"), (Untyped, "Untyped.part: has no type"),
     (Open, "admits unknown fields"), (Holds, "Open: admits unknown fields")],
)  # fmt: skip
def test_an_open_undescribed_or_untyped_field_is_refused_by_name(model: type[BaseModel], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        closed_schema(model)


def test_the_version_follows_the_declaration_and_the_authors_mark() -> None:
    first = declare(**READ).get("a.read").version
    assert declare(**READ).get("a.read").version == first
    assert declare(**{**READ, "timeout": timedelta(seconds=2)}).get("a.read").version != first
    assert declare(**{**READ, "revision": "2"}).get("a.read").version.startswith("2-")


def test_tools_are_listed_by_name() -> None:
    assert [tool.name for tool in shelf.tools] == sorted(tool.name for tool in shelf.tools)
