"""Processes of ours that must not outlive us, however we go."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def dies_with_us() -> Callable[[], None] | None:
    """What a child runs before it becomes its program (`preexec_fn`), so that the kernel kills it when we are gone.

    Nobody is left then who would see to it that it heeds a kinder signal; what it must keep survives this one. None
    where the system has no such thing.
    """
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # gone in between
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
