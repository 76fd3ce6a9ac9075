"""Results: what a tool gave, as the ledger keeps it. Large ones go to the artifact store and travel by reference."""

import asyncio
from collections.abc import Callable

import orjson

from aivis.artifacts import ArtifactStore
from aivis.errors import AivisError, Invalid, NotFound, Transient
from aivis.events.actions import FailureKind
from aivis.events.envelope import JsonObject
from services.executor.ledger import Outcome

INLINE_BYTES = 64 * 1024
"""A larger result travels by reference."""
ReadResult = Callable[[bytes], JsonObject]


async def taken(content: bytes, read: ReadResult, tenant: str, artifacts: ArtifactStore) -> Outcome:
    """The result as an outcome; `Invalid` when it is not as declared, `Transient` when it cannot be kept."""
    if len(content) <= INLINE_BYTES:
        return Outcome(result=read(content))
    await asyncio.to_thread(read, content)  # a large one takes long to check, and others wait for the loop
    try:
        artifact = await artifacts.put(tenant, content, media_type="application/json", name="result.json")
    except OSError as error:
        raise Transient(f"the artifact store cannot keep a result of {len(content)} bytes: {error}") from error
    return Outcome(artifact=artifact)


async def whole(outcome: Outcome, tenant: str, artifacts: ArtifactStore) -> bytes:
    """The result's JSON, wherever it is kept."""
    if outcome.artifact is not None:
        return await artifacts.get(tenant, outcome.artifact)
    return orjson.dumps(outcome.result or {})


async def of_effect(content: bytes, read: ReadResult, tenant: str, artifacts: ArtifactStore) -> Outcome:
    """As `taken`, for an effect: it happened, so whatever is wrong with its result is a note."""
    try:
        return await taken(content, read, tenant, artifacts)
    except (Invalid, Transient) as error:
        return without_result(error)


def without_result(error: AivisError) -> Outcome:
    """The outcome of an effect that happened, and whose result cannot be used because of `error`."""
    return Outcome(note=f"done, but its result cannot be used: {error}"[:2_000])


def kind_of(error: AivisError) -> FailureKind:
    """How a tool's refusal is told."""
    if isinstance(error, NotFound):
        return FailureKind.NOT_FOUND
    return FailureKind.INVALID if isinstance(error, Invalid) else FailureKind.REFUSED
