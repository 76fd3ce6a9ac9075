"""Waiting for a service that starts."""

import asyncio

import httpx


async def ready(service: str, *, seconds: float = 40) -> None:
    """Return once the service at the address `service` is ready; `TimeoutError` when it is not in time."""
    async with asyncio.timeout(seconds), httpx.AsyncClient() as http:
        while not await _is_ready(http, service):  # noqa: ASYNC110 - another process tells by answering, not otherwise
            await asyncio.sleep(0.1)


async def _is_ready(http: httpx.AsyncClient, service: str) -> bool:
    try:
        return (await http.get(f"{service}/ready")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
