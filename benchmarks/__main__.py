"""`python -m benchmarks [hop ...] [--json FILE] [--page FILE]`; no name means all."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console

from benchmarks import stacks
from benchmarks.figures import Figure, Verdict
from benchmarks.hop import measuring as hop
from benchmarks.rendering import page, report, table

console = Console()


async def _hop(folder: Path) -> list[Figure]:
    """On every stack that can be had."""
    figures: list[Figure] = []
    for number, name in enumerate(stacks.names()):
        async with stacks.started(name, folder / str(number)) as stack:
            figures += await hop.measure(stack)
    return figures


MEASUREMENTS: Mapping[str, Callable[[Path], Awaitable[list[Figure]]]] = {"hop": _hop}


async def _measured(names: Sequence[str]) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        console.print(f"[dim]measuring {name} ...[/]")
        with tempfile.TemporaryDirectory(prefix="aivis-bench-") as folder:
            figures += await MEASUREMENTS[name](Path(folder))
    return figures


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; 1 when a figure misses what it must meet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(MEASUREMENTS)}; none means all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as JSON")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures there as markdown")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(MEASUREMENTS)):
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    if stacks.REAL not in stacks.names():
        console.print("Kafka and PostgreSQL are not measured: AIVIS_TEST_KAFKA and AIVIS_TEST_POSTGRES name none.")
    figures = asyncio.run(_measured(given.names or list(MEASUREMENTS)))
    console.print(table(figures))
    run = report(" ".join(["python -m benchmarks", *given.names]), datetime.now(UTC), figures)
    if given.json:
        given.json.write_bytes(orjson.dumps(run.json(), option=orjson.OPT_INDENT_2))
    if given.page:
        given.page.write_text(page(run), encoding="utf-8")
    return int(any(figure.verdict is Verdict.MISSED for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
