import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domains.cloud.lab.api import Endpoint


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An EC2-compatible server of the module's own, on a free port of the loopback."""
    log = tmp_path_factory.mktemp("moto") / "server.log"
    with log.open("w") as out:
        command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Endpoint(url=_address(server, log))
    finally:
        server.terminate()
        server.wait(timeout=10)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(200):
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            return found[0]
        if server.poll() is not None:
            break
        with_patience(server)
    raise AssertionError(f"moto's server did not start: {log.read_text()}")


def with_patience(server: subprocess.Popen[bytes]) -> None:
    """Wait a tenth of a second, or until the server ends."""
    try:
        server.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return
