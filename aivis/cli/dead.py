"""`aivis dead`: messages that could not be handled."""

import getpass
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from aivis.cli import letters
from aivis.cli.embedded import SERVICES
from aivis.cli.letters import Letters, Wanted
from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console, errors
from aivis.errors import Invalid
from aivis.mailbox.letters import Kind

dead = typer.Typer(help="Messages that could not be handled: list, show, retry, drop.", no_args_is_help=True)

_LEAST_WIDTH = 100
_SHOWN = 10
"""Letters that are shown before it is asked whether all are meant."""
_WAIT_SECONDS = 3

Service = Annotated[str, typer.Option(help=f"Of this service alone: {', '.join(SERVICES)}.")]
Tenant = Annotated[str, typer.Option(help="Of this tenant alone.")]
Topic = Annotated[str, typer.Option(help="That came on this topic.")]
Key = Annotated[
    str, typer.Option(help="Of this key: a case; for the executor an action, for the retriever a document.")
]
Reason = Annotated[str, typer.Option(help="With this somewhere in the reason, in capitals or not.")]
OfKind = Annotated[
    Kind | None, typer.Option(help="buried: given up on after it was let in; quarantined: it could not be let in.")
]
Since = Annotated[str, typer.Option(help="That became letters within this time: 90s, 15m, 2h, 7d, 1d12h.")]
Older = Annotated[str, typer.Option("--older-than", help="That became letters before that.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, the newest.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]
Token = Annotated[
    str, typer.Option(help="The operators' token, where the services ask for one.", envvar="AIVIS_OPERATOR_TOKEN")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="LETTER", help="As `list` prints them, like reasoner/17.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@dead.command("list")
@command
def list_(  # noqa: PLR0913 - one a filter
    *,
    service: Service = "",
    tenant: Tenant = "",
    topic: Topic = "",
    key: Key = "",
    reason: Reason = "",
    kind: OfKind = None,
    since: Since = "",
    older_than: Older = "",
    limit: Limit = 100,
    as_json: Json = False,
    token: Token = "",
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """List them, newest first, with the reason of each."""
    most = limit or letters.ALL
    query = _query(tenant, topic, key, reason, kind, since, older_than)
    dead_letters = Letters(client(folder), token)
    found = dead_letters.find(Wanted(service, query, most + 1))
    if as_json:
        _print_json(found[:most])
    elif found:
        _print(letters.listed(found[:most]))
        if len(found) > most:
            console.print(f"The newest {most}; there are more: --limit shows them.")
    else:
        console.print("none")
    _end(bad=bool(dead_letters.silent))


@dead.command("show")
@command
def show(
    ids: Annotated[list[str], typer.Argument(metavar="LETTER...", help="As `list` prints them, like reasoner/17.")],
    service: Annotated[str, typer.Option(help="Of the ids that name none.")] = "",
    token: Token = "",
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Show letters whole, with headers and bytes, as JSON."""
    dead_letters = Letters(client(folder), token)
    for name in [letters.name_of(id, service) for id in ids]:
        _print_json(dead_letters.whole(name))


@dead.command("retry")
@command
def retry(  # noqa: PLR0913 - one a filter
    ids: Ids = None,
    *,
    service: Service = "",
    tenant: Tenant = "",
    topic: Topic = "",
    key: Key = "",
    reason: Reason = "",
    kind: OfKind = None,
    since: Since = "",
    older_than: Older = "",
    limit: Limit = None,
    wait: Annotated[int, typer.Option(min=0, max=30, help="Seconds to see what becomes of them.")] = _WAIT_SECONDS,
    yes: Yes = False,
    as_json: Json = False,
    token: Token = "",
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Put messages back into their inboxes: those named, or all that the filters fit.

    Safe to repeat: what was put back is not put back again. Exit status 1 when some are still bad.
    """
    dead_letters = Letters(client(folder), token)
    wanted = Wanted(service, _query(tenant, topic, key, reason, kind, since, older_than), limit or letters.ALL)
    names = _meant(dead_letters, ids, wanted, "Put {} back?", ask=not yes)
    _tell([*dead_letters.retry(names, seconds=wait)], as_json=as_json, silent=dead_letters.silent)


@dead.command("drop")
@command
def drop(  # noqa: PLR0913 - one a filter
    ids: Ids = None,
    *,
    service: Service = "",
    tenant: Tenant = "",
    topic: Topic = "",
    key: Key = "",
    reason: Reason = "",
    kind: OfKind = None,
    since: Since = "",
    older_than: Older = "",
    limit: Limit = None,
    yes: Yes = False,
    as_json: Json = False,
    token: Token = "",
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Delete messages for good: those named, or all that the filters fit. This cannot be undone.

    The service's log keeps what each was, and who dropped it.
    """
    dead_letters = Letters(client(folder), token)
    wanted = Wanted(service, _query(tenant, topic, key, reason, kind, since, older_than), limit or letters.ALL)
    names = _meant(dead_letters, ids, wanted, "Drop {} for good? This cannot be undone.", ask=not yes)
    _tell([*dead_letters.drop(names, by=_who())], as_json=as_json, silent=dead_letters.silent)


def _query(  # noqa: PLR0913, PLR0917 - one a filter
    tenant: str, topic: str, key: str, reason: str, kind: Kind | None, since: str, older_than: str
) -> Mapping[str, str | int]:
    """The filters as the services take them."""
    texts = {"tenant": tenant, "topic": topic, "key": key, "reason": reason, "kind": kind.value if kind else ""}
    ages = {"since": since, "older_than": older_than}
    said = {name: letters.seconds(text) for name, text in ages.items() if text}
    return {**{name: text for name, text in texts.items() if text}, **said}


def _meant(dead_letters: Letters, ids: list[str] | None, wanted: Wanted, question: str, *, ask: bool) -> list[str]:
    """The letters that are named, or that fit the filters when whoever asks says that they are meant."""
    if ids:
        if wanted.query:
            raise Invalid(f"both letters and filters ({', '.join(wanted.query)}): give the one or the other")
        return [letters.name_of(id, wanted.service) for id in ids]
    if not wanted.says_something:
        raise Invalid("which letters? Name them as `aivis dead list` prints them, or give a filter, like --service")
    found = dead_letters.find(wanted)
    if found and ask:
        _print(letters.listed(found[:_SHOWN]), to_errors=True)
        if len(found) > _SHOWN:
            typer.echo(f"... and {len(found) - _SHOWN} more", err=True)
        typer.confirm(question.format(_counted(found)), abort=True, err=True)
    return [letter["name"] for letter in found]


def _counted(found: Sequence[letters.Letter]) -> str:
    by_service = Counter(letter["service"] for letter in found)
    each = ", ".join(f"{count} of {service}" for service, count in sorted(by_service.items()))
    return f"{len(found)} message{'s' if len(found) > 1 else ''} ({each})"


def _tell(outcomes: list[letters.Outcome], *, as_json: bool, silent: Sequence[str]) -> None:
    if as_json:
        _print_json(outcomes)
    elif outcomes:
        _print(letters.told(outcomes))
    elif not silent:
        console.print("none")
    _end(bad=bool(silent) or any(outcome["outcome"] in letters.BAD for outcome in outcomes))


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:200]
    except (KeyError, OSError):  # no such user, as in some containers
        return socket.gethostname()[:200]


def _print(table: Table, *, to_errors: bool = False) -> None:
    """Into the terminal's width; where there is none, into what every log and mail shows."""
    out = errors if to_errors else console
    if not out.is_terminal:
        out = Console(file=out.file, width=max(out.width, _LEAST_WIDTH))
    out.print(table)


def _print_json(told: Any) -> None:
    print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())


def _end(*, bad: bool) -> None:
    if bad:
        raise typer.Exit(1)
