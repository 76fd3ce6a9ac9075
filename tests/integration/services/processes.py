"""A service as its own process, to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.integration.services.broker import free_port


class Process:
    """`python -m services.NAME` on a free port."""

    def __init__(self, name: str, variables: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {**variables, f"AIVIS_{name.upper()}_PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AIVIS_")}
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"], env={**kept, **own}, stdout=out, stderr=subprocess.STDOUT
            )

    def wait_for(self, path: str, *, seconds: float = 20) -> None:
        """Until `path` answers 200."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(self.url + path, timeout=5).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{path} does not answer: {self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """SIGKILL: nothing is said goodbye to."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def memory(self) -> int:
        """The most memory it has had resident, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@contextmanager
def process(name: str, variables: Mapping[str, str], log: Path) -> Iterator[Process]:
    found = Process(name, variables, log)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.kill()
