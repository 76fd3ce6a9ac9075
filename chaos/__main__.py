"""Play the fault matrix: `python -m chaos [--seed N] [--only ROW ...] [--json FILE] [--list]`; 1 unless all pass."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
from rich.console import Console

from chaos.report import document, table, troubles
from chaos.rows.row import Result, Row
from chaos.rows.table import ROWS

console = Console(width=None if sys.stdout.isatty() else 130)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if given.list:
        for row in ROWS:
            console.print(f"{row.name:16} {row.says}", highlight=False)
        return 0
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    folder = Path(tempfile.mkdtemp(prefix="aivis-chaos-"))
    try:
        results = [_played(row, folder / row.name, seed=given.seed) for row in rows]
    finally:
        if given.keep:
            console.print(f"databases and logs are in {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(table(results))
    if given.json:
        given.json.write_bytes(orjson.dumps(document(results, seed=given.seed), option=orjson.OPT_INDENT_2))
    return 0 if all(result.outcome.passed for result in results) else 1


def _played(row: Row, folder: Path, *, seed: int) -> Result:
    console.print(f"[bold]{row.name}[/]: {row.says}", highlight=False)
    start = time.monotonic()
    result = Result(row, asyncio.run(row.play(folder, seed)), time.monotonic() - start)
    passed = "[green]pass[/]" if result.outcome.passed else "[bold red]FAIL[/]"
    seen = result.outcome.verdict
    counts = f"{len(result.outcome.landed.faults)} faults landed; {seen.tickets} tickets, {seen.resolved} resolved"
    console.print(f"  {passed} in {result.seconds:.0f} s: {counts}, {seen.with_people} with people", highlight=False)
    for trouble in troubles(result):
        console.print(f"  {trouble}", highlight=False, markup=False)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aivis chaos", description="Play the fault matrix.")
    parser.add_argument("--seed", type=int, default=1, help="what the load and the random faults come from")
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], metavar="ROW", help="these rows alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs in the temporary folder")
    parser.add_argument("--list", action="store_true", help="say what rows there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
