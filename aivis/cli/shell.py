"""What all commands share: where output goes, which stack is meant, how errors look."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console

from aivis.cli.client import Client
from aivis.cli.embedded import Run
from aivis.errors import AivisError

P = ParamSpec("P")
R = TypeVar("R")

console = Console()
errors = Console(stderr=True)

Folder = Annotated[Path, typer.Option(help="Folder of the running stack.", envvar="AIVIS_FOLDER")]
DEFAULT_FOLDER = Path(".aivis")


def client(folder: Path) -> Client:
    """The stack that runs in `folder`."""
    return Client(Run.read(folder))


def command(function: Callable[P, R]) -> Callable[P, R]:
    """A command whose errors are one message and exit status 1, without a traceback."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except AivisError as error:
            errors.print(f"[bold red]{type(error).__name__}:[/] {error}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run
