"""Play the fault matrix: `python -m chaos [--seed N] [--only ROW ...] [--json] [--list]`; status 1 unless all pass."""

import argparse
import asyncio
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import structlog
from rich.console import Console

from chaos.report import document, page, table, troubles
from chaos.rows.row import Result, Row
from chaos.rows.table import ROWS


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    given = _parser().parse_args(arguments)
    if given.list:
        print("\n".join(f"{row.name:16} {row.says}" for row in ROWS))
        return 0
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )  # faults are what we want
    console = Console(stderr=given.json, width=None if sys.stdout.isatty() else 130)
    results = _played([row for row in ROWS if not given.only or row.name in given.only], console, given)
    console.print(table(results))
    if given.page:
        text = given.page.read_text(encoding="utf-8")
        machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        given.page.write_text(page(results, text, seed=given.seed, machine=machine), encoding="utf-8")
    if given.json:
        print(orjson.dumps(document(results, seed=given.seed)).decode())
    return 0 if all(result.outcome.passed for result in results) else 1


def _played(rows: Sequence[Row], console: Console, given: argparse.Namespace) -> list[Result]:
    folder, results = Path(tempfile.mkdtemp(prefix="aivis-chaos-")), []
    try:
        for row in rows:
            console.print(f"[bold]{row.name}[/]: {row.says}", highlight=False)
            start = time.monotonic()
            outcome = asyncio.run(row.play(folder / row.name, given.seed))
            results.append(Result(row, outcome, time.monotonic() - start))
            _tell(results[-1], console)
    finally:
        if given.keep:
            console.print(f"databases and logs are in {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return results


def _tell(result: Result, console: Console) -> None:
    outcome = result.outcome
    passed = "[green]pass[/]" if outcome.passed else "[bold red]FAIL[/]"
    counts = f"{len(outcome.landed.faults)} faults landed; {outcome.verdict.tickets} tickets"
    ends = f"{outcome.verdict.resolved} resolved, {outcome.verdict.with_people} with people"
    console.print(f"  {passed} in {result.seconds:.0f} s: {counts}, {ends}", highlight=False)
    for trouble in troubles(result):
        console.print(f"  {trouble}", highlight=False, markup=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aivis chaos", description="Play the fault matrix.")
    parser.add_argument("--seed", type=int, default=1, help="what the load and the random faults come from")
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], metavar="ROW", help="these rows alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, the rest beside it")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures between the marks in that page")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs in the temporary folder")
    parser.add_argument("--list", action="store_true", help="say what rows there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
