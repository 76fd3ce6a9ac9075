from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from pydantic import Field

from aivis.errors import Conflict, Invalid, NotFound, Refused, Transient, Unknown
from aivis.toolkit import Arguments
from aivis.toolkit.status import DETAILS_KEY, InvalidFields, told, validated


class Ask(Arguments):
    port: int = Field(ge=1, le=65535)
    """A port."""
    name: str = ""
    """A name."""


def status(error: Exception) -> tuple[grpc.StatusCode, str, status_pb2.Status]:
    code, message, metadata = told(error, tool="a.read", owner="us")
    return code, message, status_pb2.Status.FromString(dict(metadata)[DETAILS_KEY])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Invalid("x"), grpc.StatusCode.INVALID_ARGUMENT),
        (NotFound("x"), grpc.StatusCode.NOT_FOUND),
        (Refused("x"), grpc.StatusCode.FAILED_PRECONDITION),
        (Conflict("x"), grpc.StatusCode.ALREADY_EXISTS),
        (Transient("x"), grpc.StatusCode.UNAVAILABLE),
        (Unknown("x"), grpc.StatusCode.UNKNOWN),
        (TimeoutError(), grpc.StatusCode.DEADLINE_EXCEEDED),
        (KeyError("x"), grpc.StatusCode.UNKNOWN),
    ],
)
def test_every_error_is_a_status_with_its_reason_and_tool(error: Exception, code: grpc.StatusCode) -> None:
    found, message, details = status(error)
    assert found is code
    assert details.code == code.value[0]
    assert details.message == message
    info = error_details_pb2.ErrorInfo()
    assert details.details[0].Unpack(info)
    assert info.metadata["tool"] == "a.read"
    assert info.reason


def test_an_unexpected_error_names_the_tools_owner() -> None:
    _, message, _ = status(KeyError("x"))
    assert "tell us" in message


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (b'{"port": 0}', "port"),
        (b'{"port": "443"}', "port"),
        (b'{"port": 443, "prot": 1}', "prot"),
        (b"{}", "port"),
        (b"[]", ""),
        (b"{", ""),
        (b'{"port": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
        (b"\xff\xfe", ""),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_field_at_fault(arguments: bytes, field: str) -> None:
    with pytest.raises(InvalidFields) as error:
        validated(Ask, arguments, what="arguments of a.read")
    _, message, details = status(error.value)
    request = error_details_pb2.BadRequest()
    assert details.details[1].Unpack(request)
    assert [each.field for each in request.field_violations] == [field]
    assert "arguments of a.read" in message


@pytest.mark.parametrize("letter", ["x", "云", "\n"])
def test_a_status_stays_within_what_headers_may_carry(letter: str) -> None:
    many = "{" + ",".join(f'"{letter.strip() * 50}{number}": 1' for number in range(2000)) + "}"
    with pytest.raises(InvalidFields) as invalid:
        validated(Ask, many.encode(), what="arguments of a.read")
    for error in (invalid.value, Refused(letter * 100_000)):
        code, message, metadata = told(error, tool="a.read", owner="us")
        assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
        assert len(quote(message)) + len(metadata[0][1]) * 4 / 3 < 8_000
