"""Play the fault matrix: `python -m chaos [--seed N] [--only ROW ...] [--on STACK ...] [--json] [--list]`.

Status 1 unless all rows pass.
"""

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
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import orjson
import structlog
from rich.console import Console

from chaos.fleet import fleet
from chaos.report import document, page, table, troubles
from chaos.rows.row import On, Result
from chaos.rows.table import ROWS
from chaos.stack import Opening, embedded, on_servers
from deploy.servers.prerequisites import Missing

_ON = {On.EMBEDDED: "Tansu and SQLite", On.SERVERS: "Kafka and PostgreSQL"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    given = _parser().parse_args(arguments)
    if given.list:
        print("\n".join(f"{row.name:18} {' '.join(row.on):17} {row.says}" for row in ROWS))
        return 0
    logging.disable()  # faults are what we want
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Console(stderr=given.json, width=None if sys.stdout.isatty() else 130)
    try:
        results = asyncio.run(_play(given, console))
    except Missing as missing:
        print(f"rows on servers need what is not here, others do not (--on embedded):\n{missing}", file=sys.stderr)
        return 2
    console.print(table(results))
    if given.page:
        text = given.page.read_text(encoding="utf-8")
        machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
        given.page.write_text(page(results, text, seed=given.seed, machine=machine), encoding="utf-8")
    if given.json:
        print(orjson.dumps(document(results, seed=given.seed)).decode())
    return 0 if all(result.outcome.passed for result in results) else 1


async def _play(given: argparse.Namespace, console: Console) -> list[Result]:
    """Every row that is wanted, on everything that it is played on."""
    folder, results = Path(tempfile.mkdtemp(prefix="aivis-chaos-")), list[Result]()
    try:
        async with AsyncExitStack() as lasting:
            for on in given.on:
                rows = [row for row in ROWS if on in row.on and (not given.only or row.name in given.only)]
                opening = await _opening(on, folder, lasting) if rows else embedded
                for row in rows:
                    console.print(f"[bold]{row.name}[/] on {_ON[on]}: {row.says}", highlight=False)
                    start = time.monotonic()
                    outcome = await row.play(folder / f"{row.name}-{on}", given.seed, opening)
                    results.append(Result(row, on, outcome, time.monotonic() - start))
                    _tell(results[-1], console)
    finally:
        if given.keep:
            console.print(f"databases and logs are in {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return results


async def _opening(on: On, folder: Path, lasting: AsyncExitStack) -> Opening:
    if on is On.EMBEDDED:
        return embedded
    return partial(on_servers, await lasting.enter_async_context(fleet(folder / "servers")))


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
    parser.add_argument("--on", nargs="+", type=On, choices=[*On], default=[*On], help="on these alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, the rest beside it")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures between the marks in that page")
    parser.add_argument("--keep", action="store_true", help="leave databases and logs in the temporary folder")
    parser.add_argument("--list", action="store_true", help="say what rows there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())
