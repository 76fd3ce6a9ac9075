"""The reasoner as it is wired: with a model, without one, and what /ready says of it."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aivis.errors import Invalid
from aivis.service import serve
from services.reasoner.main import build
from tests.integration.services.broker import SETTINGS, free_port, running_broker
from tests.integration.services.reasoner.desk import settings
from tests.integration.services.reasoner.model_server import fails, says, serving

SECONDS = 20


@contextlib.asynccontextmanager
async def running(folder: Path, url: str, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A reasoner on a broker of its own; a client of its HTTP side."""
    port = free_port()
    with running_broker() as kafka:
        service = build(settings(folder, url, kafka=kafka, port=port, **SETTINGS, **changes))
        stop = asyncio.Event()
        task = asyncio.create_task(serve(service, stop))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                yield http
        finally:
            stop.set()
            await task


async def ready(http: httpx.AsyncClient) -> httpx.Response:
    """What /ready says once the bus is there."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = await http.get("/ready")
                if answer.json().get("kafka") == "ok":
                    return answer
            await asyncio.sleep(0.1)


async def test_a_model_that_is_there_is_a_dependency_like_others(tmp_path: Path) -> None:
    async with serving(says()) as server, running(tmp_path, server.url) as http:
        answer = await ready(http)
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "model": "ok", "database": "ok", "kafka": "ok"}


async def test_a_model_that_is_down_is_told_of_and_takes_nothing_out_of_service(tmp_path: Path) -> None:
    async with running(tmp_path, f"http://127.0.0.1:{free_port()}/v1") as http:
        answer = await ready(http)
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert "Connection error" in answer.json()["model"]


async def test_a_key_that_is_refused_is_told_of(tmp_path: Path) -> None:
    async with serving(says()) as server, running(tmp_path, server.url, model_key="very-secret") as http:
        server.listing = fails(401, "bad key very-secret")
        said = (await ready(http)).json()["model"]
    assert "is AIVIS_REASONER_MODEL_KEY right?" in said
    assert "very-secret" not in said


def test_without_a_model_there_is_nothing_to_tell_of(tmp_path: Path) -> None:
    service = build(settings(tmp_path, ""))
    assert service.optional == {}
    assert service.close is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model_name": ""}, "AIVIS_REASONER_MODEL_NAME is not set"),
        ({"model_url": "ftp://models"}, "AIVIS_REASONER_MODEL_URL"),
        ({"model_options": {"messages": []}}, "AIVIS_REASONER_MODEL_OPTIONS: messages"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_its_name(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=told):
        build(settings(tmp_path, "http://127.0.0.1:1/v1", **changes))


def test_a_domain_without_a_catalogue_ends_the_start_with_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    with pytest.raises(Invalid, match=r"tools\.json: cannot be read"):
        build(settings(tmp_path, "http://127.0.0.1:1/v1", domain=tmp_path))


def test_a_reasoner_without_a_model_does_not_load_the_models_client() -> None:
    code = "import sys, services.reasoner.main; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
