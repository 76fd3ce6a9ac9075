"""The closed set of errors: every one has a meaning to gRPC, to HTTP and to the mailbox."""

import importlib
import pkgutil
from collections.abc import Iterator
from http import HTTPStatus

import grpc
import pytest

import aivis
from aivis.errors import (
    AivisError,
    Conflict,
    Disposition,
    Invalid,
    NotFound,
    Refused,
    Transient,
    Unknown,
    disposition,
    from_grpc,
    grpc_status,
    http_status,
)
from aivis.mailbox.turn import Fenced, NotYet

STATUSES = {
    Invalid: (grpc.StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    NotFound: (grpc.StatusCode.NOT_FOUND, HTTPStatus.NOT_FOUND),
    Refused: (grpc.StatusCode.FAILED_PRECONDITION, HTTPStatus.FORBIDDEN),
    Conflict: (grpc.StatusCode.ALREADY_EXISTS, HTTPStatus.CONFLICT),
    Transient: (grpc.StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE),
    Unknown: (grpc.StatusCode.UNKNOWN, HTTPStatus.INTERNAL_SERVER_ERROR),
}


def all_errors() -> Iterator[type[AivisError]]:
    for module in pkgutil.iter_modules(aivis.__path__, "aivis."):
        if module.name != "aivis.cli":
            importlib.import_module(module.name)
    waiting = [AivisError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += [each for each in kind.__subclasses__() if each.__module__.startswith("aivis")]


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
def test_an_error_tells_callers_by_its_own_status(kind: type[AivisError]) -> None:
    assert (grpc_status(kind("x")), http_status(kind("x"))) == STATUSES[kind]


def test_every_error_there_is_has_a_status() -> None:
    found = set(all_errors())
    assert found >= {*STATUSES, Fenced, NotYet}
    for kind in found:
        error = kind.__new__(kind)
        assert grpc_status(error) is not grpc.StatusCode.OK
        assert http_status(error) >= HTTPStatus.BAD_REQUEST


def test_an_error_made_of_another_tells_what_that_one_tells() -> None:
    class Spent(Refused):
        pass

    class Broken(AivisError):
        pass

    assert (grpc_status(Spent("x")), http_status(Spent("x"))) == STATUSES[Refused]
    assert (grpc_status(NotYet("x")), http_status(NotYet("x"))) == STATUSES[Transient]
    assert (grpc_status(Broken("x")), http_status(Broken("x"))) == (
        grpc.StatusCode.INTERNAL,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


class Answer(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no such group"


@pytest.mark.parametrize("kind", set(STATUSES) - {Unknown}, ids=lambda kind: kind.__name__)
def test_an_error_that_crosses_grpc_is_the_same_error_again(kind: type[AivisError]) -> None:
    assert type(from_grpc(Answer(grpc_status(kind("x"))), doing="call")) is kind


@pytest.mark.parametrize("code", grpc.StatusCode, ids=lambda code: code.name)
def test_only_codes_that_say_so_mean_that_nothing_was_done(code: grpc.StatusCode) -> None:
    undone = {
        "INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION",
        "PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE", "RESOURCE_EXHAUSTED",
    }  # fmt: skip
    error = from_grpc(Answer(code), doing="tools at 127.0.0.1:9: cloud.stop")
    assert isinstance(error, Unknown) == (code.name not in undone)
    assert str(error) == f"tools at 127.0.0.1:9: cloud.stop: {code.name}: no such group"


@pytest.mark.parametrize("kind", [Invalid, NotFound, Refused, Conflict])
def test_what_can_never_be_goes_to_the_dead_letters(kind: type[AivisError]) -> None:
    assert disposition(kind("x")) is Disposition.DEAD_LETTER


@pytest.mark.parametrize("error", [Transient("x"), NotYet("x"), Unknown("x"), KeyError("x"), MemoryError()])
def test_what_may_pass_and_what_is_our_own_fault_is_tried_again(error: Exception) -> None:
    assert disposition(error) is Disposition.RETRY
