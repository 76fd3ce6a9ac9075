"""A problem: what is wrong with an HTTP request, as a value. How it is sent is `aivis.web`'s business."""

from collections.abc import Mapping
from http import HTTPStatus

from aivis.errors import AivisError


class Problem(AivisError):
    """A request that cannot be served: with which status, what is wrong, where, and what to do about it."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, field: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        """The field of the body, the header or the parameter at fault; empty when it is none."""
        self.headers = dict(headers or {})
