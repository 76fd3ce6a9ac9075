"""One tenant's account at an EC2-compatible cloud: the only module that knows the SDK.

The SDK's own retries are off: the executor is the one retry layer. Answers leave as plain dicts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from aivis.errors import AivisError, Invalid, NotFound, Refused, Transient, Unknown

Answer = dict[str, Any]

THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled", "SlowDown")
BUSY = ("Unavailable", "ServiceUnavailable", "InternalError", "InternalFailure", "RequestTimeout")
"""Answers after which it is not known whether anything was done."""
WRONG = ("Invalid", "Malformed", "Missing", "Unknown", "UnsupportedOperation", "ValidationError", "RequestExpired")
"""How codes begin that find fault with the request itself."""


@dataclass(frozen=True)
class Credentials:
    """What opens an account; every empty field is taken from boto3's default chain."""

    region: str
    endpoint: str = ""
    profile: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""


class Account:
    """Asks and acts in one account and region. Raises the errors of aivis.errors only."""

    def __init__(self, credentials: Credentials) -> None:
        self.region = credentials.region
        with _told("opening the account", acting=False, region=self.region):
            core = botocore.session.Session()
            core.register_component("data_loader", _descriptions())
            session = boto3.Session(
                botocore_session=core,
                aws_access_key_id=credentials.access_key_id or None,
                aws_secret_access_key=credentials.secret_access_key or None,
                aws_session_token=credentials.session_token or None,
                profile_name=credentials.profile or None,
                region_name=credentials.region,
            )
            self._client: Any = session.client(
                "ec2",
                endpoint_url=credentials.endpoint or None,
                config=Config(
                    retries={"mode": "standard", "total_max_attempts": 1},
                    connect_timeout=3,
                    read_timeout=20,
                    max_pool_connections=32,
                    user_agent_extra="aivis",
                ),
            )

    def ask(self, operation: str, **parameters: Any) -> Answer:
        """A read, all pages of it. `Transient` when there is no answer."""
        with _told(operation, acting=False, region=self.region):
            if self._client.can_paginate(operation):
                pages = self._client.get_paginator(operation).paginate(**parameters)
                return dict(pages.build_full_result())
            return dict(getattr(self._client, operation)(**parameters))

    def act(self, operation: str, **parameters: Any) -> Answer:
        """An effect. `Unknown` when the request went out and no answer came back."""
        with _told(operation, acting=True, region=self.region):
            return dict(getattr(self._client, operation)(**parameters))


@cache
def _descriptions() -> Any:
    """The SDK's description of the API, read once: every account of its own would hold 24 MB of it."""
    return botocore.session.Session().get_component("data_loader")


@contextmanager
def _told(operation: str, *, acting: bool, region: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, operation, acting=acting, region=region) from error
    except ParamValidationError as error:
        raise Invalid(f"{operation}: {error}") from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Refused(f"{operation}: {error}; give the tool server credentials for this tenant") from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise Transient(f"{operation}: the cloud does not answer: {error}") from error
    except BotoCoreError as error:
        raise (Unknown if acting else Transient)(f"{operation}: no answer: {error}") from error


def _from_answer(error: ClientError, operation: str, *, acting: bool, region: str) -> AivisError:
    answer = error.response.get("Error", {})
    code, message = answer.get("Code", ""), answer.get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    says = f"{operation}: {code}: {message}"
    if code.startswith(THROTTLED):
        return Transient(f"{says}; the cloud asks to slow down")
    if code.startswith(BUSY) or status >= 500:
        return Unknown(says) if acting else Transient(says)
    if code.endswith(("NotFound", "NotFound.Unknown")):
        return NotFound(
            f"{says}; region {region}: check the id, find the instance by name or address with cloud.find_instances, "
            "and see that the ticket's account is the right one"
        )
    if code.startswith(WRONG) and not code.endswith((".Duplicate", ".InUse", ".AlreadyAssociated")):
        return Invalid(says)
    return Refused(says)
