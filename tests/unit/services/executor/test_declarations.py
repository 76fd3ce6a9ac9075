from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from aivis.errors import Invalid
from aivis.toolkit.declaration import Repeat
from aivis.toolkit.server import declared
from domains.cloud.server import all_tools
from services.executor.declarations import checked
from services.executor.ports import Declaration
from services.executor.providers.grpc import _declaration
from services.executor.providers.knowledge import DECLARATION
from tests.unit.services.executor.making import DEDUPES, LOOKUP, NEITHER, READ

OPEN = orjson.dumps({"type": "object", "properties": {"id": {}}}).decode()


@pytest.mark.parametrize("declaration", [READ, DEDUPES, LOOKUP, NEITHER, DECLARATION], ids=lambda each: each.name)
def test_a_sound_declaration_is_accepted(declaration: Declaration) -> None:
    assert checked(declaration).declaration is declaration


@pytest.mark.parametrize(
    ("declaration", "changes", "message"),
    [
        (READ, {"name": "read"}, "DOMAIN.VERB"),
        (READ, {"name": ""}, "DOMAIN.VERB"),
        (READ, {"description": " "}, "description is empty"),
        (READ, {"owner": ""}, "owner is empty"),
        (READ, {"version": ""}, "version is empty"),
        (READ, {"risk": None}, "risk is not declared"),
        (READ, {"repeat": None}, "repeat is not declared"),
        (READ, {"timeout": timedelta(0)}, "timeout must be"),
        (READ, {"timeout": timedelta(hours=2)}, "timeout must be"),
        (READ, {"undoable": True}, "cannot be undoable"),
        (READ, {"arguments_schema": "{"}, "arguments_schema is not JSON"),
        (READ, {"arguments_schema": '{"type": "array"}'}, "of type object"),
        (READ, {"arguments_schema": OPEN}, "must be closed"),
        (
            READ,
            {"result_schema": '{"type": "object", "required": 3}'},
            r"result_schema is no JSON Schema: at \$.required",
        ),
        (READ, {"result_schema": '{"type":"object","$ref":"http://x.test/y"}'}, "only references within"),
        (DEDUPES, {"dedupe_window": timedelta(0)}, "dedupe_window is 0"),
        (DEDUPES, {"dedupe_window": timedelta.max}, "dedupe_window must be at most"),
        (DEDUPES, {"resource_argument": ""}, "must name the argument it acts upon"),
        (DEDUPES, {"resource_argument": "other"}, "'other' is no property"),
        (LOOKUP, {"settling_time": timedelta(0)}, "settling_time is 0"),
    ],
)
def test_an_ill_declared_tool_is_refused_saying_what_is_wrong(
    declaration: Declaration, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        checked(replace(declaration, **changes))


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Invalid, match=r"owner is empty.*dedupe_window is 0"):
        checked(replace(DEDUPES, owner="", dedupe_window=timedelta(0)))


def test_a_fault_in_the_arguments_names_the_argument() -> None:
    with pytest.raises(Invalid, match=r"arguments of test.read: id: 3 is not of type 'string'"):
        checked(READ).check_arguments({"id": 3})
    with pytest.raises(Invalid, match="'other' was unexpected"):
        checked(READ).check_arguments({"id": "i-1", "other": 1})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"done": 1}', "done: 1 is not of type 'boolean'"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "nested deeper"),
        (b"", "not JSON"),
    ],
)
def test_a_result_that_is_not_as_declared_is_invalid_and_names_the_owner(content: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message) as caught:
        checked(READ).read_result(content)
    assert "the test" in str(caught.value)


@pytest.mark.parametrize("reference", ["#", "#/$defs/none"])
def test_a_schema_that_leads_nowhere_makes_the_value_invalid_and_nothing_worse(reference: str) -> None:
    endless = orjson.dumps({"type": "object", "$ref": reference}).decode()
    with pytest.raises(Invalid, match="refers to nothing, or to itself"):
        checked(replace(READ, result_schema=endless)).read_result(b"{}")


def test_repeats_of_reads_do_not_matter() -> None:
    assert checked(replace(READ, repeat=Repeat.LOOKUP)).name == "test.read"


def test_every_tool_of_the_cloud_is_declared_as_the_executor_wants_it() -> None:
    found = [checked(_declaration(declared(tool))) for tool in all_tools()]
    assert len(found) == len(all_tools()) > 25
