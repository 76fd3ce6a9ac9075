"""What an expert can do without the console: the queue, guide, answer, take, hand back, approve, deny, settle."""

from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from aivis.cli import figures as key_figures
from aivis.cli import timeline
from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console

Case = Annotated[str, typer.Argument(help="The case's id.")]
Action = Annotated[str, typer.Argument(help="The action's id, as `aivis escalations` shows it.")]
Words = Annotated[str, typer.Argument(help="Your words.")]


@command
def escalations(folder: Folder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List what waits for an expert: cases and approvals."""
    api = client(folder)
    waiting = api.get(api.run.escalation, "/v1/escalations", status="open,taken")
    waiting |= api.get(api.run.escalation, "/v1/approvals")
    if as_json:
        print(orjson.dumps(waiting, option=orjson.OPT_INDENT_2).decode())
        return
    console.print(_cases([case for case in waiting["escalations"] if _is_wanted(case)]))
    console.print(_approvals(waiting["approvals"] + waiting["unsettled"]))


@command
def guide(
    case: Case,
    words: Words,
    folder: Folder = DEFAULT_FOLDER,
    module: Annotated[str, typer.Option(help="The module to follow.")] = "",
    value: Annotated[list[str] | None, typer.Option(help="NAME=VALUE to use instead of the ticket's.")] = None,
) -> None:
    """Tell the agent how to go on; the agent finishes."""
    inputs = dict(each.partition("=")[::2] for each in value or ())
    _post(folder, f"/v1/escalations/{case}/guide", {"text": words, "module": module, "inputs": inputs})


@command
def answer(case: Case, words: Words, folder: Folder = DEFAULT_FOLDER) -> None:
    """Answer the customer yourself; that resolves the case."""
    _post(folder, f"/v1/escalations/{case}/answer", {"text": words})


@command
def take(case: Case, folder: Folder = DEFAULT_FOLDER) -> None:
    """Take the case over: the agent does no more until you hand it back."""
    _post(folder, f"/v1/escalations/{case}/take", {})


@command
def hand_back(case: Case, words: Annotated[str, typer.Argument()] = "", folder: Folder = DEFAULT_FOLDER) -> None:
    """Give the case back to the agent."""
    _post(folder, f"/v1/escalations/{case}/hand-back", {"note": words})


@command
def approve(action: Action, folder: Folder = DEFAULT_FOLDER) -> None:
    """Let an action run, once, with exactly the parameters shown."""
    _post(folder, f"/v1/approvals/{action}/approve", {})


@command
def deny(action: Action, words: Annotated[str, typer.Argument()] = "", folder: Folder = DEFAULT_FOLDER) -> None:
    """Refuse an action."""
    _post(folder, f"/v1/approvals/{action}/deny", {"reason": words})


@command
def settle(
    action: Action,
    happened: Annotated[bool, typer.Option("--happened/--did-not-happen")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Say what became of an effect that nobody could find out by machine."""
    _post(folder, f"/v1/approvals/{action}/settle", {"happened": happened})


@command
def figures(
    folder: Folder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="All figures and counts, as JSON.")] = False,
) -> None:
    """Show the key figures: independent resolution, adoption, accuracy of actions and of tool calls."""
    api = client(folder)
    found = api.get(api.run.escalation, "/v1/figures")
    if as_json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        console.print(key_figures.table(found))


def _post(folder: Any, path: str, body: dict[str, Any]) -> None:
    api = client(folder)
    api.post(api.run.escalation, path, body)
    console.print("done")


def _is_wanted(case: dict[str, Any]) -> bool:
    """Whether somebody is to act on it; what an expert has only when they leave it lying."""
    return bool(case["overdue"] or (case["place"] == "open" and case["escalation"]))


def _cases(cases: list[dict[str, Any]]) -> Table:
    table = Table(title="Cases for an expert", title_justify="left", box=None, expand=True)
    for column in ("case", "overdue since", "reason", "problem", "proposed"):
        table.add_column(column, overflow="fold")
    for case in cases:
        escalation = case["escalation"] or {"reason": "", "summary": {"problem": case["subject"], "proposed": []}}
        summary = escalation["summary"]
        proposed = "; ".join(summary["proposed"])
        problem = timeline.short(summary["problem"])
        table.add_row(case["case"], _overdue(case["overdue"]), escalation["reason"], problem, proposed)
    return table


def _overdue(overdue: dict[str, Any] | None) -> str:
    if overdue is None:
        return ""
    return f"{overdue['since'][:16]}{', ' + overdue['expert'] if overdue['expert'] else ''} ({overdue['times']}x)"


def _approvals(approvals: list[dict[str, Any]]) -> Table:
    table = Table(title="Actions that need approval", title_justify="left", box=None, expand=True)
    for column in ("action", "call", "why"):
        table.add_column(column, overflow="fold")
    for approval in approvals:
        table.add_row(approval["action"], timeline.call(approval), approval.get("reason") or approval["message"])
    return table
