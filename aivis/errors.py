"""The closed set of errors, and what each means to gRPC, to HTTP and to the mailbox.

A message says what is wrong, where, and what to do about it.
"""

from enum import StrEnum
from http import HTTPStatus

import grpc


class AivisError(Exception):
    """Any error that Aivis raises on purpose."""


class Invalid(AivisError):
    """The input can never be accepted as it is."""


class NotFound(AivisError):
    """The named thing does not exist, or not for this tenant."""


class Refused(AivisError):
    """Understood, and not allowed: by policy, by a person, or by the present state."""


class Conflict(Refused):
    """The same id was used before with other content, or another writer won."""


class Transient(AivisError):
    """Nothing was done; the same call may succeed later."""


class Unknown(AivisError):
    """The call may or may not have taken effect."""


class Disposition(StrEnum):
    """What the mailbox does with a message whose handling raised."""

    RETRY = "retry"
    DEAD_LETTER = "dead-letter"


_GRPC: dict[type[AivisError], grpc.StatusCode] = {
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    Conflict: grpc.StatusCode.ALREADY_EXISTS,
    Refused: grpc.StatusCode.FAILED_PRECONDITION,
    Transient: grpc.StatusCode.UNAVAILABLE,
    Unknown: grpc.StatusCode.UNKNOWN,
    AivisError: grpc.StatusCode.INTERNAL,
}

_HTTP: dict[type[AivisError], HTTPStatus] = {
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Refused: HTTPStatus.FORBIDDEN,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
    Unknown: HTTPStatus.INTERNAL_SERVER_ERROR,
    AivisError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_FROM_GRPC: dict[grpc.StatusCode, type[AivisError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Invalid,
    grpc.StatusCode.OUT_OF_RANGE: Invalid,
    grpc.StatusCode.UNIMPLEMENTED: Invalid,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.PERMISSION_DENIED: Refused,
    grpc.StatusCode.UNAUTHENTICATED: Refused,
    grpc.StatusCode.UNAVAILABLE: Transient,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Transient,
}


def grpc_status(error: AivisError) -> grpc.StatusCode:
    """The gRPC status that tells a caller of `error`."""
    return next(_GRPC[kind] for kind in type(error).__mro__ if kind in _GRPC)


def http_status(error: AivisError) -> HTTPStatus:
    """The HTTP status that tells a caller of `error`."""
    return next(_HTTP[kind] for kind in type(error).__mro__ if kind in _HTTP)


def from_grpc(error: grpc.RpcError, *, doing: str) -> AivisError:
    """The error a gRPC call met, `doing` saying what was tried and where.

    A code that does not say that nothing was done, a deadline among them, becomes `Unknown`.
    """
    code = error.code()
    return _FROM_GRPC.get(code, Unknown)(f"{doing}: {code.name}: {error.details()}")


def disposition(error: BaseException) -> Disposition:
    """Retry what may pass; dead-letter what never will.

    An error outside the closed set is a fault of ours or of the machine: it is retried, within the bound.
    """
    if isinstance(error, Invalid | NotFound | Refused):
        return Disposition.DEAD_LETTER
    return Disposition.RETRY
