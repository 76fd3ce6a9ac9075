"""`aivis submit`: hand tickets in."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console
from aivis.errors import Invalid


@command
def submit(
    file: Annotated[Path, typer.Argument(help="JSON lines, one ticket each: customer, subject, text; - reads stdin.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Hand tickets in through the gateway; each answer is durable before it is printed."""
    api = client(folder)
    for number, ticket in enumerate(_tickets(file), 1):
        answer = api.post(api.run.gateway, "/v1/tickets", ticket)
        console.print(f"{number}: case {answer['case']}  ticket {answer['ticket']}", highlight=False)


@command
def message(
    ticket: Annotated[str, typer.Argument(help="The ticket's id.")],
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Write to a ticket as its customer."""
    api = client(folder)
    answer = api.post(api.run.gateway, f"/v1/tickets/{ticket}/messages", {"text": text})
    console.print(f"case {answer['case']}", highlight=False)


def _tickets(file: Path) -> list[Any]:
    try:
        lines = (sys.stdin.buffer if str(file) == "-" else file.open("rb")).read().splitlines()
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror}") from error
    tickets = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            tickets.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise Invalid(f"{file}, line {number}: not JSON: {error}") from error
    return tickets
