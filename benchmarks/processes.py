"""What processes use, as the kernel counts it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

MEGABYTE = 1e6


@dataclass(frozen=True)
class Use:
    """What some processes use together."""

    cpu: float
    """Seconds since they started."""
    rss: float
    """Resident megabytes; pages that processes share count in each."""
    pss: float
    """The same, shared pages counted once."""


def family(pid: int) -> list[psutil.Process]:
    """The process and all its children."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def use(processes: Iterable[psutil.Process]) -> Use:
    """What `processes` use now; one that has ended counts as nothing."""
    cpu = rss = pss = 0.0
    for process in processes:
        try:
            times, memory = process.cpu_times(), process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        cpu += times.user + times.system
        rss += memory.rss / MEGABYTE
        pss += getattr(memory, "pss", memory.rss) / MEGABYTE  # Linux alone tells the share
    return Use(cpu, rss, pss)


def slope(values: Sequence[tuple[float, float]]) -> float:
    """The rise of the line through (x, y) that fits best, in y for each x."""
    middle_x = sum(x for x, _ in values) / len(values)
    middle_y = sum(y for _, y in values) / len(values)
    spread = sum((x - middle_x) ** 2 for x, _ in values)
    return sum((x - middle_x) * (y - middle_y) for x, y in values) / spread if spread else 0.0
