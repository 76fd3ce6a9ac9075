"""`python -m benchmarks [hop|cases|waiting|idle ...] [--json FILE] [--page FILE]`; no name means all."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import uvloop
from rich.console import Console

from aivis.service import spare_what_stays
from benchmarks import stacks
from benchmarks.cases import measuring as cases
from benchmarks.figures import Figure, Verdict
from benchmarks.hop import measuring as hop
from benchmarks.idle import measuring as idle
from benchmarks.rendering import page, report, table
from benchmarks.waiting import measuring as waiting

console = Console(width=None if sys.stdout.isatty() else 150)


NAMES = ("hop", "cases", "waiting", "idle")
_FEW_ROUNDS = 2
"""Of the hop, where only its limits are wanted."""


async def _measured(names: Collection[str], folder: Path) -> list[Figure]:
    figures: list[Figure] = []
    for stack in stacks.names() if {"hop", "cases"} & set(names) else ():
        console.print(f"[dim]hop and cases on {stack} ...[/]")
        figures += await _one_by_one(names, stack, folder)
    if "waiting" in names:
        console.print("[dim]waiting, on every stack at once: its figures are of memory ...[/]")
        figures += [each for found in await _waiting(folder) for each in found]
    if "idle" in names:
        console.print("[dim]idle ...[/]")
        figures += await idle.measure(folder / "idle")
    return figures


async def _one_by_one(names: Collection[str], name: str, folder: Path) -> list[Figure]:
    async with stacks.started(name, folder / f"steps on {name}") as stack:
        rounds = await hop.measured(stack, rounds=hop.ROUNDS if "hop" in names else _FEW_ROUNDS)
        figures = [hop.figure(stack, rounds)] if "hop" in names else []
        return [*figures, *(await cases.measure(stack, hop.typical(rounds)) if "cases" in names else [])]


async def _waiting(folder: Path) -> list[list[Figure]]:
    async def on(name: str) -> list[Figure]:
        async with stacks.started(name, folder / f"waiting on {name}") as stack:
            return await waiting.measure(stack)

    return await asyncio.gather(*(on(name) for name in stacks.names()))


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; 1 when a figure misses what it must meet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; none means all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as JSON")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures there as markdown")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(NAMES)):
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(NAMES)}")
    if stacks.REAL not in stacks.names():
        console.print("Kafka and PostgreSQL are not measured: AIVIS_TEST_KAFKA and AIVIS_TEST_POSTGRES name none.")
    spare_what_stays()  # the bare group commit runs here, and is to be spared what services are
    with tempfile.TemporaryDirectory(prefix="aivis-bench-") as folder:
        figures = uvloop.run(_measured(given.names or NAMES, Path(folder)))
    console.print(table(figures))
    run = report(" ".join(["python -m benchmarks", *given.names]), datetime.now(UTC), figures)
    if given.json:
        given.json.write_bytes(orjson.dumps(run.json(), option=orjson.OPT_INDENT_2))
    if given.page:
        given.page.write_text(page(run), encoding="utf-8")
    return int(any(figure.verdict is Verdict.MISSED for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
