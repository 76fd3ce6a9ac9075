"""The services' HTTP APIs, as the command line uses them."""

import time
from collections.abc import Iterator
from typing import Any

import httpx

from aivis.cli.embedded import Run
from aivis.errors import AivisError, Conflict, Invalid, NotFound, Refused, Transient

_KINDS: dict[int, type[AivisError]] = {401: Refused, 403: Refused, 404: NotFound, 409: Conflict}
_KINDS |= {429: Transient, 503: Transient}
_PATIENCE_SECONDS = 120
"""How long a request that is turned away for load (429) is sent again."""


class Client:
    """Talks to one running stack. Errors are ours, with the service's own words."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._http = httpx.Client(timeout=40)

    def get(self, base: str, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self._send("GET", base, path, params=query, headers=headers or {})

    def post(self, base: str, path: str, body: Any, *, headers: dict[str, str] | None = None) -> Any:
        return self._send("POST", base, path, json=body, headers=headers or {})

    def put(self, base: str, path: str, body: Any) -> Any:
        return self._send("PUT", base, path, json=body)

    def delete(self, base: str, path: str, query: dict[str, str]) -> Any:
        return self._send("DELETE", base, path, params=query)

    def ready(self, base: str) -> dict[str, Any]:
        """What `/ready` says, also when it is not."""
        try:
            answer: dict[str, Any] = self._http.get(base + "/ready", timeout=5).json()
        except httpx.HTTPError as error:
            return {"ready": False, "http": str(error)}
        return answer

    def cases(self, *, status: str = "", limit: int = 200) -> list[dict[str, Any]]:
        path = f"/v1/tenants/{self.run.tenant}/cases"
        found: list[dict[str, Any]] = self.get(self.run.reasoner, path, status=status, limit=limit)
        return found

    def case(self, case: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(self.run.reasoner, f"/v1/tenants/{self.run.tenant}/cases/{case}")
        return found

    def events(self, case: str, *, after: int = 0, wait: int = 0) -> list[dict[str, Any]]:
        """The case's log after `after`, all of it; with `wait`, up to so many seconds for something new."""
        path = f"/v1/tenants/{self.run.tenant}/cases/{case}/events"
        found: list[dict[str, Any]] = self.get(self.run.reasoner, path, after=after, wait=wait)
        return found

    def follow(self, case: str) -> Iterator[dict[str, Any]]:
        """The case's log, and what is added to it, without end."""
        after = 0
        while True:
            for event in self.events(case, after=after, wait=20):
                after = event["sequence"]
                yield event

    def _send(self, method: str, base: str, path: str, **request: Any) -> Any:
        headers = {**self._key(base), **request.pop("headers", {})}
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(method, base + path, headers=headers, **request)
            except httpx.HTTPError as error:
                hint = "is the stack running? `aivis doctor` looks"
                raise Transient(f"{method} {base}{path}: {error}: {hint}") from error
            seconds = retry_after(answer)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() + seconds > until:
                break
            time.sleep(seconds)  # nothing was taken
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _KINDS.get(answer.status_code, Invalid)(f"{method} {base}{path}: {answer.status_code}: {_detail(answer)}")

    def _key(self, base: str) -> dict[str, str]:
        keys = {self.run.gateway: self.run.customer_key, self.run.escalation: self.run.expert_key}
        return {"Authorization": f"Bearer {keys[base]}"} if base in keys else {}


def retry_after(answer: httpx.Response) -> float:
    """Seconds after which the service asks to be asked again; one where it does not say."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdecimal() else 1.0


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:300]
