"""Fuzz: `python -m fuzz [NAME ...] [--seconds N]`; `python -m fuzz NAME --input FILE` decodes one input again.

Two at a time, each from the inputs of its seeds and of earlier runs in `.fuzz/`. Status 1 when one found something:
its input stays there, and how to decode it again is printed.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fuzz.harness import Harness
from fuzz.sites import ROOT
from fuzz.table import HARNESSES

_AT_ONCE = 2
_SLOWEST_SECONDS, _MOST_MEGABYTES, _LONGEST_BYTES = 10, 2_048, 65_536
"""Of one input: longer, or more memory, is a finding."""
_GRACE_SECONDS = 240
"""To begin: whatever is imported is instrumented."""
_KEPT = ROOT / ".fuzz"
console = Console(width=None if sys.stdout.isatty() else 130)


@dataclass(frozen=True)
class Played:
    """What came of a harness."""

    harness: Harness
    runs: int
    inputs: int
    """In its corpus."""
    seconds: float
    found: tuple[Path, ...]
    told: str
    """The end of what the process said, when it found something or broke off."""

    @property
    def passed(self) -> bool:
        return not self.found and not self.told


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    given = _parser().parse_args(arguments)
    chosen = [each for each in HARNESSES if not given.names or each.name in given.names]
    if given.input:
        chosen[0].run(given.input.read_bytes())
        return 0
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own in it
    with ThreadPoolExecutor(_AT_ONCE) as pool, tempfile.TemporaryDirectory(dir=memory) as scratch:
        os.environ["TMPDIR"] = scratch  # the children's files, which they have no time to remove
        played = list(pool.map(lambda harness: _play(harness, given.seconds), chosen))
    console.print(_table(played))
    return 0 if all(each.passed for each in played) else 1


def _play(harness: Harness, seconds: int) -> Played:
    corpus, crashes = _KEPT / harness.name / "corpus", _KEPT / harness.name / "found"
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    for seed in harness.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    before, start = set(crashes.iterdir()), time.monotonic()
    console.print(f"{harness.name}: {harness.says}", highlight=False)
    told = _fuzzed(harness, seconds, corpus, crashes)
    found = tuple(sorted(set(crashes.iterdir()) - before)) or _again(harness, told, corpus, crashes)
    runs = re.search(r"stat::number_of_executed_units: (\d+)", told)
    ended = runs is not None and not found
    took = time.monotonic() - start
    inputs = len(list(corpus.iterdir()))
    played = Played(harness, int(runs[1]) if runs else 0, inputs, took, found, "" if ended else told[-3_000:])
    _tell(played)
    return played


def _again(harness: Harness, told: str, corpus: Path, crashes: Path) -> tuple[Path, ...]:
    """Inputs of earlier runs that fail now: libFuzzer keeps no copy of what fails while it reads them in."""
    if "Uncaught Python exception" not in told:
        return ()
    return tuple(path.rename(crashes / path.name) for path in sorted(corpus.iterdir()) if fails(harness, path))


def fails(harness: Harness, path: Path) -> bool:
    """Whether anything comes out that the harness does not declare."""
    try:
        harness.run(path.read_bytes())
    except harness.errors:
        return False
    except Exception:  # noqa: BLE001 - it is what we look for
        return True
    return False


def _fuzzed(harness: Harness, seconds: int, corpus: Path, crashes: Path) -> str:
    """What the process said."""
    argv = [
        sys.executable, "-m", "fuzz.child", harness.run.__module__, harness.name, str(corpus),
        f"-max_total_time={seconds}",
        f"-timeout={_SLOWEST_SECONDS}", f"-rss_limit_mb={_MOST_MEGABYTES}", f"-max_len={_LONGEST_BYTES}",
        f"-artifact_prefix={crashes}/", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    most = seconds + _SLOWEST_SECONDS + _GRACE_SECONDS
    try:
        ended = subprocess.run(
            argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=most, check=False
        )
    except subprocess.TimeoutExpired as error:
        return f"did not end within {most} s:\n{(error.stdout or b'').decode(errors='replace')}"
    return ended.stdout.decode(errors="replace")


def _tell(played: Played) -> None:
    verdict = "[green]nothing found[/]" if played.passed else "[bold red]FOUND[/]"
    console.print(
        f"  {played.harness.name}: {played.runs} inputs in {played.seconds:.0f} s: {verdict}", highlight=False
    )
    for line in _lines_of(played.told):
        console.print(f"  {line}", highlight=False, markup=False)
    for path in played.found:
        again = f"{sys.executable} -m fuzz {played.harness.name} --input {path.relative_to(ROOT)}"
        console.print(f"  decode it again: {again}", highlight=False, markup=False, soft_wrap=True)


def _lines_of(told: str) -> list[str]:
    """The traceback and the summary; libFuzzer's own statistics and stacks say nothing more."""
    noise = ("stat::", "    #", "MS:", "INFO:", "WARNING:", "0x", "Base64", "artifact_prefix")
    return [line for line in told.splitlines() if line.strip() and not line.startswith(noise)][-20:]


def _table(played: Sequence[Played]) -> Table:
    drawn = Table(title="Fuzzing", title_justify="left", header_style="bold")
    for column in ("harness", "inputs tried", "kept", "seconds", "found", ""):
        drawn.add_column(column, justify="left" if column in ("harness", "") else "right")
    for each in played:
        verdict = "[green]pass[/]" if each.passed else "[bold red]FAIL[/]"
        counts = (f"{each.runs:,}", str(each.inputs), f"{each.seconds:.0f}", str(len(each.found)))
        drawn.add_row(each.harness.name, *counts, verdict)
    return drawn


def _parser() -> argparse.ArgumentParser:
    names = [harness.name for harness in HARNESSES]
    parser = argparse.ArgumentParser(prog="fuzz", description="Fuzz whatever decodes.")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*names, []], help=f"some of {', '.join(names)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each")
    parser.add_argument("--input", type=Path, metavar="FILE", help="decode this one input, with the first NAME")
    return parser


if __name__ == "__main__":
    sys.exit(main())
