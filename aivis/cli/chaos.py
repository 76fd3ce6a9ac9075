"""`aivis chaos`: the fault matrix, played on this machine."""

import importlib
from typing import Annotated

import typer

from aivis.cli.shell import command

AS_THEY_ARE = {"ignore_unknown_options": True, "help_option_names": []}
"""The matrix reads its own arguments, `--help` too."""


@command
def chaos(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Break everything, under load, and judge what is left; exit status 1 unless every row passes."""
    raise typer.Exit(importlib.import_module("chaos.__main__").main(arguments or []))
