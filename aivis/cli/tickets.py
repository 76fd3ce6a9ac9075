"""`aivis submit`: hand tickets in."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console
from aivis.errors import Invalid
from aivis.events.registry import fault
from aivis.events.tickets import TicketSubmitted


@command
def submit(
    file: Annotated[Path, typer.Argument(help="JSON lines, one ticket each: customer, subject, text; - reads stdin.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Hand tickets in through the gateway; each answer is durable before it is printed.

    Where the gateway has too much to do, it is sent the ticket again when it said.
    """
    tickets = _tickets(file)
    api = client(folder)
    for number, ticket in tickets.items():
        try:
            answer = api.post(api.run.gateway, "/v1/tickets", ticket)
        except Invalid as error:
            raise Invalid(f"{file}, line {number}: {error}; lines after it were not sent") from error
        console.print(f"{number}: case {answer['case']}  ticket {answer['ticket']}", highlight=False, soft_wrap=True)


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


def _tickets(file: Path) -> dict[int, Any]:
    """The tickets by their lines; `Invalid` when any line is none, or there is none: nothing is sent then."""
    try:
        lines = (sys.stdin.buffer if str(file) == "-" else file.open("rb")).read().splitlines()
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror}") from error
    tickets = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            tickets[number] = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Invalid(f"{file}, line {number}: not JSON: {error}; nothing was sent") from error
        try:
            TicketSubmitted.model_validate({"ticket": "given by the gateway"} | tickets[number])
        except (TypeError, ValidationError) as error:
            what = fault(error) if isinstance(error, ValidationError) else "not a JSON object"
            raise Invalid(f"{file}, line {number}: {what}; nothing was sent") from error
    if not tickets:
        raise Invalid(f"{file}: no tickets in it: one JSON object a line, with customer, subject and text")
    return tickets
