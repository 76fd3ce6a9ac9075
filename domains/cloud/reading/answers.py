"""Pieces of the EC2 API's answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aivis.errors import NotFound
from domains.cloud.account import Account

Piece = Mapping[str, Any]


def tags(piece: Piece) -> dict[str, str]:
    """The tags of anything that has some."""
    found = piece.get("Tags") or piece.get("TagSet") or []
    return {tag["Key"]: tag["Value"] for tag in found}


def moment(value: datetime | str | None) -> str:
    """ISO 8601; empty when there is none."""
    return value.isoformat() if isinstance(value, datetime) else value or ""


def where(name: str, *values: str) -> dict[str, Any]:
    """One filter of a describe call."""
    return {"Name": name, "Values": list(values)}


def only(found: list[Piece], what: str, account: Account) -> Piece:
    """The one thing asked for by its id; `NotFound` when the cloud knows none."""
    if not found:
        raise NotFound(f"there is no {what} in region {account.region}; check the id and the ticket's account")
    return found[0]
