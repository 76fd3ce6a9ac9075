"""Who may see and mend a service from within: an operator, by token, or somebody on this machine."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from aivis.errors import Refused

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(endpoint: Endpoint, token: str) -> Endpoint:
    """`endpoint` for operators alone: `Refused` for everybody else.

    With a `token`, they send it as `Authorization: Bearer`; without one, they are on this machine.
    """

    async def answer(request: Request) -> Response:
        if token:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                raise Refused("the header Authorization must be: Bearer and the value of AIVIS_OPERATOR_TOKEN")
        elif not _is_near(request):
            raise Refused("only callers on this machine are answered: set AIVIS_OPERATOR_TOKEN for others")
        return await endpoint(request)

    return answer


def _is_near(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
