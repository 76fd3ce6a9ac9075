"""What an operator can do: dead letters, the stop switch, knowledge."""

from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console
from aivis.errors import Invalid

dead = typer.Typer(help="Messages that could not be handled: list, show, retry.", no_args_is_help=True)
stop = typer.Typer(help="The stop switch.", no_args_is_help=True)
_SERVICES = ("gateway", "reasoner", "executor", "retriever", "escalation")
Service = Annotated[str, typer.Argument(help=f"One of {', '.join(_SERVICES)}.")]


@dead.command("list")
@command
def dead_list(folder: Folder = DEFAULT_FOLDER) -> None:
    """List quarantined and buried messages of every service."""
    api = client(folder)
    table = Table("service", "id", "topic", "reason", box=None, expand=True)
    for service in _SERVICES:
        for letter in api.get(getattr(api.run, service), "/v1/dead"):
            table.add_row(service, str(letter["id"]), letter["topic"], letter["reason"])
    console.print(table if table.row_count else "none")


@dead.command("show")
@command
def dead_show(service: Service, id: int, folder: Folder = DEFAULT_FOLDER) -> None:
    """Show one message whole, with its headers and bytes."""
    api = client(folder)
    print(orjson.dumps(api.get(_base(api.run, service), f"/v1/dead/{id}"), option=orjson.OPT_INDENT_2).decode())


@dead.command("retry")
@command
def dead_retry(service: Service, id: int, folder: Folder = DEFAULT_FOLDER) -> None:
    """Put a message back into its inbox."""
    api = client(folder)
    api.post(_base(api.run, service), f"/v1/dead/{id}/retry", {})
    console.print("done")


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
    console.print(orjson.dumps(api.get(api.run.executor, "/v1/stops")).decode())


def _base(run: Any, service: str) -> str:
    if service not in _SERVICES:
        raise Invalid(f"there is no service {service!r}; there are {', '.join(_SERVICES)}")
    return str(getattr(run, service))
