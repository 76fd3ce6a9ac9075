"""What browsers send to the pages: cookies and forms, however odd."""

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request

from aivis.problems import Problem
from services.escalation import sessions
from services.escalation.server import console


@pytest.mark.parametrize("said", ["\xff", "x", "====", "\u4e2d"])
def test_a_cookie_that_is_none_says_nobody(said: str) -> None:
    assert sessions._decode(said) in ("0 ", "")
    assert sessions.resume(f"{said}.{said}", now=datetime(2026, 3, 1, tzinfo=UTC), secret=b"s") is None


async def test_a_form_of_very_many_fields_is_refused() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"&".join([b"a=1"] * 51), "more_body": False}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(Problem, match="at most 50 fields"):
        await console._form(request)
