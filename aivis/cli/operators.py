"""What an operator can do: the stop switch."""

from typing import Annotated

import typer
from rich.table import Table

from aivis.cli.client import Client
from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console

stop = typer.Typer(help="The stop switch and change freezes.", no_args_is_help=True)


@stop.command("effects")
@command
def stop_effects(
    folder: Folder = DEFAULT_FOLDER,
    tenant: Annotated[str, typer.Option(help="Of this tenant alone.")] = "",
    tool: Annotated[str, typer.Option(help="Of this tool alone.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="Let them run again.")] = False,
) -> None:
    """Let no effect begin from now on; reads go on."""
    api = client(folder)
    body = {name: value for name, value in (("tenant", tenant), ("tool", tool)) if value}
    if lift:
        api.delete(api.run.executor, "/v1/stops", body)
    else:
        api.post(api.run.executor, "/v1/stops", body)
    _show_stops(api)


@stop.command("freeze")
@command
def stop_freeze(
    during: Annotated[str, typer.Argument(help="UNTIL or FROM/UNTIL, such as 2026-12-24T18:00+01:00.")],
    reason: Annotated[str, typer.Argument(help="Why: people and the agent are told.")],
    folder: Folder = DEFAULT_FOLDER,
    tenant: Annotated[str, typer.Option(help="Of this tenant alone.")] = "",
    tool: Annotated[str, typer.Option(help="Of this tool alone.")] = "",
) -> None:
    """Let no effect begin from one moment to another; reads go on. It ends by itself."""
    api = client(folder)
    begins, _, ends = during.rpartition("/")
    told = {"begins": begins, "ends": ends, "reason": reason, "tenant": tenant, "tool": tool}
    api.post(api.run.executor, "/v1/freezes", {name: value for name, value in told.items() if value})
    _show_stops(api)


@stop.command("thaw")
@command
def stop_thaw(
    id: Annotated[str, typer.Argument(help="The freeze's id, as `aivis stop list` shows it.")],
    folder: Folder = DEFAULT_FOLDER,
    tenant: Annotated[str, typer.Option(help="The tenant whose freeze it is; none: it is one of all.")] = "",
) -> None:
    """End a freeze before its time."""
    api = client(folder)
    api.delete(api.run.executor, "/v1/freezes", {"id": id, **({"tenant": tenant} if tenant else {})})
    _show_stops(api)


@stop.command("list")
@command
def stop_list(folder: Folder = DEFAULT_FOLDER) -> None:
    """List what is stopped, and the freezes that last or are to come."""
    _show_stops(client(folder))


def _show_stops(api: Client) -> None:
    table = Table("what", "tenant", "tool", "from", "until", "reason", "id", box=None, expand=True)
    for each in api.get(api.run.executor, "/v1/stops")["stops"]:
        table.add_row("stop", each["tenant"], each["tool"] or "*", "", "", "", "")
    for each in api.get(api.run.executor, "/v1/freezes")["freezes"]:
        when = each["begins"], each["ends"]
        table.add_row("freeze", each["tenant"], each["tool"] or "*", *when, each["reason"], each["id"])
    console.print(table if table.row_count else "nothing is stopped")
