"""`aivis chaos`: the fault matrix, played on this machine."""

import importlib
from typing import Annotated

import typer

from aivis.cli.shell import command


@command
def chaos(
    seed: Annotated[int, typer.Option(help="What the load and the random faults come from.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="A row to play; may be given again.")] = None,
    on: Annotated[list[str] | None, typer.Option(help="embedded or servers; both when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; progress goes beside it.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave databases and logs.")] = False,
    rows: Annotated[bool, typer.Option("--list", help="Say what rows there are.")] = False,
) -> None:
    """Break everything, under load, and judge what is left; exit status 1 unless every row passes."""
    flags = [name for name, given in (("--json", as_json), ("--keep", keep), ("--list", rows)) if given]
    chosen = [*(["--only", *only] if only else []), *(["--on", *on] if on else [])]
    raise typer.Exit(importlib.import_module("chaos.__main__").main(["--seed", str(seed), *flags, *chosen]))
