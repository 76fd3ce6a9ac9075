"""Ctrl-C at any moment, and worse: the command line ends at once, and leaves no process and no port behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.chaos.chaos import DOMAIN

_CODE = "from aivis.cli.main import app; app()"


class Command:
    """A command line of ours that runs, and every process it was ever seen to have."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "output.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CODE, *arguments, "--domain", str(DOMAIN)],
                cwd=folder, env=_environment(), stdout=out, stderr=out,
            )  # fmt: skip
        self.family: dict[int, psutil.Process] = {}
        self.ports: set[int] = set()

    def look(self) -> None:
        """Take in which children there are now, and what ports are listened on."""
        try:
            me = psutil.Process(self.process.pid)
            found = [me, *me.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for each in found:
            try:
                listening = [c.laddr.port for c in each.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
            except psutil.Error:
                continue
            self.ports.update(listening)
            if each.pid != self.process.pid:
                self.family[each.pid] = each

    def until_listening(self, ports: int, *, seconds: float = 40) -> None:
        """Until so many ports are listened on."""
        until = time.monotonic() + seconds
        while len(self.ports) < ports:
            assert time.monotonic() < until, f"{self.ports} are too few ports\n{self.told()}"
            assert self.process.poll() is None, f"ended by itself\n{self.told()}"
            time.sleep(0.05)
            self.look()

    def until_says(self, text: str, *, seconds: float = 40) -> None:
        until = time.monotonic() + seconds
        while text not in self.told():
            assert time.monotonic() < until, f"never says {text!r}\n{self.told()}"
            assert self.process.poll() is None, f"ended by itself\n{self.told()}"
            self.look()
            time.sleep(0.05)

    def until_runs(self, module: str, *, seconds: float = 40) -> None:
        """Until one of its processes is `python -m module`."""
        until = time.monotonic() + seconds
        while not any(module in _argv(each) for each in self.family.values()):
            assert time.monotonic() < until, f"never runs {module}\n{self.told()}"
            time.sleep(0.02)
            self.look()

    def told(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self, number: signal.Signals, *, within: float) -> int:
        """Send the signal; the exit status. All it started has to be gone too, and its ports free."""
        self.look()
        self.process.send_signal(number)
        until = time.monotonic() + within
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"still runs {within} s after {number.name}\n{self.told()}") from late
        while left := [each for each in self.family.values() if _lives(each)]:
            assert time.monotonic() < until, f"left behind: {left}\n{self.told()}"
            time.sleep(0.05)
        for port in self.ports:
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} is still listened on"
        return status


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[Command]:
    running = Command(folder, *arguments)
    try:
        yield running
    finally:
        running.look()
        for each in running.family.values():
            if _lives(each):
                each.kill()
        running.process.kill()
        running.process.wait(10)


SOON = 8.0
"""Seconds that two busy cores may need; alone it is two."""


@pytest.mark.slow
@pytest.mark.parametrize("ports", [0, 1, 3])
def test_ctrl_c_while_the_stack_starts_leaves_nothing(tmp_path: Path, ports: int) -> None:
    with command(tmp_path, "up", "--folder", str(tmp_path / "stack")) as up:
        up.until_listening(ports)
        if not ports:
            time.sleep(2)  # the interpreter has begun
        up.end(signal.SIGINT, within=SOON)


@pytest.mark.slow
def test_ctrl_c_once_the_stack_is_up_is_an_orderly_end(tmp_path: Path) -> None:
    with command(tmp_path, "up", "--folder", str(tmp_path / "stack")) as up:
        up.until_says("Aivis is up")
        time.sleep(1)
        assert up.end(signal.SIGINT, within=SOON) == 0
        assert len(up.family) >= 3
        assert "Traceback" not in up.told()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_ctrl_c_in_the_middle_of_the_demo_leaves_nothing(tmp_path: Path, seconds: float) -> None:
    with command(tmp_path, "demo") as demo:
        demo.until_listening(3)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            demo.look()
            time.sleep(0.1)
        assert demo.end(signal.SIGINT, within=SOON) != 0
        assert not list((tmp_path / ".aivis").glob("demo-*"))


@pytest.mark.slow
def test_when_the_stack_is_killed_its_children_die_too(tmp_path: Path) -> None:
    with command(tmp_path, "up", "--folder", str(tmp_path / "stack")) as up:
        up.until_says("Aivis is up")
        assert up.end(signal.SIGKILL, within=SOON) == -signal.SIGKILL
        assert len(up.family) >= 3


@pytest.mark.slow
def test_when_the_stack_is_killed_in_the_middle_of_its_training_that_ends_too(tmp_path: Path) -> None:
    with command(tmp_path, "up", "--folder", str(tmp_path / "stack")) as up:
        up.until_runs("services.planner.opening")
        assert up.end(signal.SIGKILL, within=SOON) == -signal.SIGKILL


def _argv(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environment() -> dict[str, str]:
    root = str(DOMAIN.parents[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIVIS_")}
    return {**kept, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
