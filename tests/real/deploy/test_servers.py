"""What `make servers` promises of the servers that it started for this run."""

import os
import socket
import subprocess
import sys
import urllib.request

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.servers.places import places
from deploy.servers.records import running

KAFKA = os.environ.get("AIVIS_TEST_KAFKA", "")
POSTGRES = os.environ.get("AIVIS_TEST_POSTGRES", "")
WEAVIATE = os.environ.get("AIVIS_TEST_WEAVIATE", "")

pytestmark = pytest.mark.skipif(
    not (KAFKA and POSTGRES and WEAVIATE),
    reason="AIVIS_TEST_KAFKA, _POSTGRES and _WEAVIATE are not all set: make test-real",
)


async def test_row_level_security_binds_the_role_of_the_tests() -> None:
    connection = await asyncpg.connect(POSTGRES)
    try:
        row = await connection.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    finally:
        await connection.close()
    assert (row["rolsuper"], row["rolbypassrls"]) == (False, False)


async def test_postgresql_asks_for_a_password() -> None:
    address, _, rest = POSTGRES.partition("@")
    user = address.partition("//")[2].partition(":")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://{user}:wrong@{rest}")


async def test_kafka_makes_no_topic_that_nobody_asked_for() -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
    await admin.start()
    try:
        [described] = await admin.describe_topics(["aivis.misspelt"])
        assert described["error_code"] == 3  # unknown topic
        assert "aivis.misspelt" not in await admin.list_topics()
    finally:
        await admin.close()


def test_weaviate_is_ready_on_both_its_ports() -> None:
    address, _, grpc = WEAVIATE.partition(",")
    with urllib.request.urlopen(f"{address}/v1/.well-known/ready", timeout=5) as answer:
        assert answer.status == 200
    with socket.create_connection(("127.0.0.1", int(grpc)), timeout=5):
        pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's table of sockets by ss")
@pytest.mark.parametrize("server", ["postgres", "kafka", "weaviate"])
def test_a_server_listens_on_loopback_alone(server: str) -> None:
    found = running(places(os.environ), server)
    if found is None:
        pytest.skip(f"{server} was not started by make servers in this clone")
    shown = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    addresses = [line.split()[3] for line in shown.splitlines() if f"pid={found.process.pid}," in line]
    assert addresses
    assert all("127.0.0.1" in address for address in addresses), addresses
