"""What an error is to a caller: a gRPC status with details. The one place where any exception is turned into one."""

import asyncio
from dataclasses import dataclass

import grpc
import structlog
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from pydantic import BaseModel, ValidationError

from aivis.errors import AivisError, Invalid, Unknown, grpc_status

log = structlog.get_logger()
DETAILS_KEY = "grpc-status-details-bin"
MESSAGE_LIMIT = 1_200
"""Bytes of a message: status and details travel in headers, which gRPC bounds at 8 KiB, encoded up to threefold."""
VIOLATIONS_LIMIT = 8


@dataclass(frozen=True)
class Violation:
    """What is wrong with one field; "" is the whole object, parts are joined by dots."""

    field: str
    description: str


class InvalidFields(Invalid):
    """Arguments that do not satisfy their schema."""

    def __init__(self, what: str, violations: list[Violation]) -> None:
        first = "; ".join(f"{each.field or 'the object'}: {each.description}" for each in violations[:VIOLATIONS_LIMIT])
        super().__init__(f"{what}: {first}")
        self.violations = violations


def invalid_fields(what: str, error: ValidationError) -> InvalidFields:
    """The error of pydantic as ours."""
    return InvalidFields(
        what,
        [
            Violation(".".join(str(part) for part in each["loc"]), each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ],
    )


def validated(model: type[BaseModel], data: bytes, *, what: str) -> BaseModel:
    """`data` as the declared model; `InvalidFields` names every field at fault."""
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise invalid_fields(what, error) from error


def told(error: Exception, *, tool: str, owner: str) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata that tell a caller of `error`, whatever it is."""
    code, ours = _ours(error, tool=tool, owner=owner)
    message = _cut(str(ours), MESSAGE_LIMIT)
    status = status_pb2.Status(code=code.value[0], message=message, details=_details(ours, tool))
    return code, message, ((DETAILS_KEY, status.SerializeToString()),)


def _ours(error: Exception, *, tool: str, owner: str) -> tuple[grpc.StatusCode, AivisError]:
    if isinstance(error, AivisError):
        return grpc_status(error), error
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return grpc.StatusCode.DEADLINE_EXCEEDED, Unknown(f"{tool}: time is up; what happened is not known")
    log.error("tool failed", tool=tool, owner=owner, exc_info=error)
    fault = f"{tool} failed unexpectedly: {type(error).__name__}: {error}; this is a fault of the tool: tell {owner}"
    return grpc.StatusCode.UNKNOWN, Unknown(fault)


def _details(error: AivisError, tool: str) -> list[any_pb2.Any]:
    info = error_details_pb2.ErrorInfo(reason=type(error).__name__, domain="aivis.v1.Tools", metadata={"tool": tool})
    found = [_packed(info)]
    if isinstance(error, InvalidFields):
        request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=_cut(each.field, 60), description=_cut(each.description, 120)
                )
                for each in error.violations[:VIOLATIONS_LIMIT]
            ]
        )
        found.append(_packed(request))
    return found


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
