"""The stack on real servers: every service a process of its own, on Kafka, PostgreSQL and Weaviate."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aivis.cli.children import Child, Children
from aivis.cli.embedded import SERVICES, Run, Running, cloud, tool_server
from aivis.errors import Invalid

NEEDED = ("AIVIS_TEST_KAFKA", "AIVIS_TEST_POSTGRES", "AIVIS_TEST_WEAVIATE")


def on_real_servers(variables: Mapping[str, str]) -> dict[str, str]:
    """The embedded stack's settings, turned to the servers that `make servers` started."""
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        raise Invalid(f"{', '.join(missing)} not set: run `make servers`, then `make demo-real`")
    return {
        **variables,
        "AIVIS_KAFKA": os.environ["AIVIS_TEST_KAFKA"],
        "AIVIS_KAFKA_PARTITIONS": "0",
        "AIVIS_DATABASE": os.environ["AIVIS_TEST_POSTGRES"],
        "AIVIS_RETRIEVER_WEAVIATE": os.environ["AIVIS_TEST_WEAVIATE"],
    }


@asynccontextmanager
async def processes(
    run: Run, ports: Mapping[str, int], variables: Mapping[str, str], logs: Path
) -> AsyncIterator[Running]:
    """Each service as `python -m services.NAME`, beside the cloud and its tool server."""
    children = Children(logs)
    services = [service_process(name, ports, variables) for name in SERVICES]
    try:
        await children.start_all([cloud(run), tool_server(run, variables), *services])
        yield Running(children, {})
    finally:
        await children.stop()


def service_process(name: str, ports: Mapping[str, int], variables: Mapping[str, str]) -> Child:
    """The service `name` as a process of its own."""
    return Child(name, [sys.executable, "-m", f"services.{name}"], ports[name], _own(name, variables))


def _own(service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """The settings that concern `service`: the shared ones and its own."""
    others = tuple(f"AIVIS_{name}_".upper() for name in (*SERVICES, "cloud") if name != service)
    return {name: value for name, value in variables.items() if not name.startswith(others)}
