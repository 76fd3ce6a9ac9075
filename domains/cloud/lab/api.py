"""The door to the practice cloud: one EC2 client, and the tags everything built carries."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from pydantic import BaseModel, ConfigDict, SecretStr

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.literals import ResourceTypeType
    from mypy_boto3_ec2.type_defs import TagSpecificationTypeDef

WORKERS = 8
"""Calls in flight at once; more gains nothing, the practice server computes on one core."""


class Endpoint(BaseModel):
    """Where the EC2-compatible API answers, and as whom to call it."""

    model_config = ConfigDict(frozen=True)

    url: str
    region: str = "us-east-1"
    key_id: str = "practice"
    secret: SecretStr = SecretStr("practice")


@cache
def connect(endpoint: Endpoint) -> EC2Client:
    """The client of `endpoint`: one a process, since making it costs 0.15 s; safe to share between threads."""
    session = boto3.session.Session(
        aws_access_key_id=endpoint.key_id,
        aws_secret_access_key=endpoint.secret.get_secret_value(),
        region_name=endpoint.region,
    )
    config = Config(max_pool_connections=2 * WORKERS, connect_timeout=5, read_timeout=60)
    return session.client("ec2", endpoint_url=endpoint.url, config=config)


def tagged(kind: ResourceTypeType, tags: dict[str, str]) -> list[TagSpecificationTypeDef]:
    """`tags` in the form in which creating calls take them."""
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
