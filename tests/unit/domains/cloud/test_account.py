import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from aivis.errors import AivisError, Invalid, NotFound, Refused, Transient, Unknown
from domains.cloud.account import _told


def answered(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "says the cloud"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


def met(error: Exception, *, acting: bool) -> AivisError:
    with pytest.raises(AivisError) as found, _told("operation", acting=acting, region="eu-central-1"):
        raise error
    return found.value


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidInstanceID.NotFound", NotFound),
        ("InvalidGroup.NotFound", NotFound),
        ("InvalidAllocationID.NotFound", NotFound),
        ("InvalidInstanceID.Malformed", Invalid),
        ("InvalidParameterValue", Invalid),
        ("MissingParameter", Invalid),
        ("UnsupportedOperation", Invalid),
        ("IncorrectInstanceState", Refused),
        ("DependencyViolation", Refused),
        ("OperationNotPermitted", Refused),
        ("UnauthorizedOperation", Refused),
        ("AddressLimitExceeded", Refused),
        ("InvalidPermission.Duplicate", Refused),
        ("Resource.AlreadyAssociated", Refused),
        ("InsufficientInstanceCapacity", Refused),
        ("RequestLimitExceeded", Transient),
        ("Throttling", Transient),
    ],
)
@pytest.mark.parametrize("acting", [False, True])
def test_an_answer_that_nothing_was_done_is_told_as_such(code: str, kind: type[AivisError], acting: bool) -> None:
    error = met(answered(code, 503 if kind is Transient else 400), acting=acting)
    assert type(error) is kind
    assert code in str(error)


@pytest.mark.parametrize(
    "error",
    [
        answered("InternalError", 500), answered("Unavailable", 503), answered("Whatever", 502),
        ReadTimeoutError(endpoint_url="http://cloud"), ConnectionClosedError(endpoint_url="http://cloud"),
    ],
)  # fmt: skip
def test_an_answer_that_leaves_it_open_is_unknown_for_an_effect_and_transient_for_a_read(error: Exception) -> None:
    assert type(met(error, acting=True)) is Unknown
    assert type(met(error, acting=False)) is Transient


def test_what_never_went_out_did_nothing() -> None:
    assert type(met(EndpointConnectionError(endpoint_url="http://cloud"), acting=True)) is Transient
    assert type(met(NoCredentialsError(), acting=True)) is Refused
    assert type(met(ParamValidationError(report="no"), acting=True)) is Invalid


def test_what_is_not_found_is_told_with_the_region_and_what_to_do() -> None:
    says = str(met(answered("InvalidInstanceID.NotFound"), acting=False))
    assert "eu-central-1" in says
    assert "cloud.find_instances" in says
