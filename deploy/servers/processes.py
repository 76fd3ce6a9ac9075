"""Processes that outlive the command that started them, told apart by pid and birth.

A pid alone is not an identity: after a reboot it may be anybody's. So the kernel's start time is kept beside it, and
nothing is signalled unless both fit.
"""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process of ours; `born` is the kernel's start time as text."""

    pid: int
    born: str


@dataclass(frozen=True)
class Command:
    """What to run, where, as whom; `user` none means as ourselves."""

    argv: Sequence[str]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None

    def run(self) -> str:
        """Run to the end and return what it printed; raise RuntimeError with that text if it fails."""
        user, groups = self._identity()
        done = subprocess.run(
            self.argv,
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=user,
            group=user and pwd.getpwuid(user).pw_gid,
            extra_groups=groups,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(self.argv)}: exit {done.returncode}\n{done.stdout.strip()}")
        return done.stdout

    def start(self, log: Path) -> Process:
        """Start in its own session, so that a Ctrl-C here does not reach it, with its output appended to `log`."""
        user, groups = self._identity()
        with log.open("ab") as output:
            child = subprocess.Popen(
                self.argv,
                cwd=self.folder,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user and pwd.getpwuid(user).pw_gid,
                extra_groups=groups,
            )
        return Process(child.pid, born(child.pid) or "")

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.environ}

    def _identity(self) -> tuple[int | None, list[int] | None]:
        """The user id to become, and no groups besides its own; none and none to stay as we are."""
        return (None, None) if self.user is None else (pwd.getpwnam(self.user).pw_uid, [])


def born(pid: int) -> str | None:
    """The start time of `pid`; none when there is no such process or only its zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _born_by_ps(pid)
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return None if fields[0] in "ZX" else fields[19]


def _born_by_ps(pid: int) -> str | None:
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, start = shown.stdout.strip().partition(" ")
    return start.strip() if state and not state.startswith("Z") else None


def alive(process: Process) -> bool:
    """Whether this very process still runs."""
    _reap(process.pid)
    return born(process.pid) == process.born


def stop(process: Process, *, ask: signal.Signals, seconds: float) -> bool:
    """Ask it to end, wait, then kill; true if it ended when asked (or had ended before)."""
    if not alive(process):
        return True
    os.kill(process.pid, ask)
    if _ended(process, seconds):
        return True
    os.kill(process.pid, signal.SIGKILL)
    _ended(process, seconds)
    return False


def _ended(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _reap(pid: int) -> None:
    """Collect our own dead child, if it is one; another parent's is none of our business."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
