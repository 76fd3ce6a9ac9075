"""`aivis cases`, `aivis case`, `aivis watch`: look at cases."""

import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.live import Live
from rich.panel import Panel

from aivis.cli import board, timeline
from aivis.cli.client import Client
from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console

_ENDED = frozenset({"resolved", "closed"})


@command
def cases(
    folder: Folder = DEFAULT_FOLDER,
    status: Annotated[str, typer.Option(help="Only these, comma separated: open, working, resolved, ...")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """List cases, latest change first."""
    found = client(folder).cases(status=status)
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        console.print(board.table(found))


@command
def case(
    id: Annotated[str, typer.Argument(help="The case's id, the beginning of it, or the ticket's id.")],
    folder: Folder = DEFAULT_FOLDER,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more, until the case has ended.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write the timeline as a picture.")] = None,
) -> None:
    """Show a case's timeline: what came in, what was decided and why, what was done."""
    api = client(folder)
    id = _whole(api, id)
    out = Console(record=True, width=150) if svg else console
    out.print(Panel(_heading(api.case(id)), title=id, expand=False))
    for event in api.follow(id) if follow else api.events(id):
        out.print(timeline.line(event))
        if event["type"] == "aivis.status.changed" and event["data"]["status"] in _ENDED:
            break
    if svg is not None:
        board.save_svg(out, svg, f"aivis case {id[:8]}")


@command
def watch(folder: Folder = DEFAULT_FOLDER) -> None:
    """Watch all cases live."""
    api = client(folder)
    with Live(console=console, refresh_per_second=4, screen=False) as live:
        while True:
            live.update(board.table(api.cases()))
            time.sleep(0.5)


def _whole(api: Client, id: str) -> str:
    """The case that `id` names: itself, the beginning of it, or its ticket's id."""
    fitting = [found["case"] for found in api.cases() if found["case"].startswith(id) or found["ticket"] == id]
    return str(fitting[0]) if len(fitting) == 1 else id


def _heading(case: dict[str, Any]) -> str:
    ticket = case["ticket"]
    who = f"customer {ticket['customer']}, status {case['status']}, owner {case['owner']}"
    return f"{ticket['ticket']}  {ticket['subject']}\n{who}"
