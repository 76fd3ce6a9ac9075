"""A case's log as lines for people."""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

_STYLES = {
    "aivis.ticket": "bold cyan",
    "aivis.plan": "magenta",
    "aivis.decision": "yellow",
    "aivis.action": "green",
    "aivis.approval": "bold yellow",
    "aivis.reply": "bold white",
    "aivis.case": "bold red",
    "aivis.guidance": "bold blue",
    "aivis.answer": "bold blue",
    "aivis.outcome": "bold green",
    "aivis.subtask": "green",
}


def line(event: dict[str, Any]) -> Table:
    """One entry of the log: time, number, what happened; long words wrap in their own column."""
    kind = event["type"].removeprefix("aivis.")
    style = next((style for prefix, style in _STYLES.items() if event["type"].startswith(prefix)), "dim")
    grid = Table.grid(padding=(0, 1))
    for width in (8, 4, 20):
        grid.add_column(width=width)
    grid.add_column(overflow="fold")
    number = Text(str(event["sequence"]), style="dim", justify="right")
    grid.add_row(
        Text(event["time"][11:19], style="dim"),
        number,
        Text(kind, style=style),
        Text(said(event["type"], event["data"])),
    )
    return grid


def said(kind: str, data: dict[str, Any]) -> str:
    """What an event says, in one line or a few."""
    known: dict[str, Callable[[], str]] = {
        "aivis.ticket.opened": lambda: f"{data['customer']}: {data['subject']}: {short(data['text'])}",
        "aivis.ticket.message-added": lambda: short(data["text"]),
        "aivis.plan.requested": lambda: "a plan, please",
        "aivis.plan.made": lambda: _plan(data["plan"]),
        "aivis.decision.made": lambda: _decision(data),
        "aivis.action.finished": lambda: f"{data['tool']} ({data['seconds']:.1f} s)",
        "aivis.action.failed": lambda: f"{data['tool']}: {data['kind']}: {short(data['message'])}",
        "aivis.action.unsettled": lambda: f"{data['tool']}: {short(data['message'])}",
        "aivis.approval.requested": lambda: f"{call(data)}: {data['reason']}",
        "aivis.reply.sent": lambda: f"{data['author']}: {short(data['text'], 400)}{_sources(data)}",
        "aivis.case.escalated": lambda: f"{data['reason']}: {short(data['summary']['problem'])}",
        "aivis.case.overdue": lambda: f"waits for {data['expert'] or 'an expert'} since {data['since'][:16]}",
        "aivis.guidance.given": lambda: f"{data['expert']}: {short(data['text'])}",
        "aivis.answer.given": lambda: f"{data['expert']}: {short(data['text'])}",
        "aivis.subtask.ended": lambda: f"{data['subtask']} {'solved' if data['solved'] else 'open'}: {data['finding']}",
        "aivis.outcome.reached": lambda: f"{data['outcome']}{'' if data['independent'] else ', with a person'}",
        "aivis.status.changed": lambda: data["status"],
        "aivis.owner.changed": lambda: data["owner"],
    }
    return known.get(kind, lambda: short(str(data)))()


def call(action: dict[str, Any]) -> str:
    """A tool call as one writes it."""
    arguments = ", ".join(f"{name}={value}" for name, value in action["arguments"].items())
    return f"{action['tool']}({arguments})"


def short(text: str, most: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def klass(classification: dict[str, Any] | None) -> str:
    """The class in three dimensions."""
    return " ".join(classification[part] for part in ("complexity", "frequency", "scenario")) if classification else ""


def _plan(plan: dict[str, Any]) -> str:
    goals = "; ".join(subtask["goal"] for subtask in plan["subtasks"])
    return f"{klass(plan['classification'])} → {plan['route']}: {goals or plan['reason']}"


def _decision(data: dict[str, Any]) -> str:
    beliefs = ", ".join(f"{each['name']} {each['probability']:.0%}" for each in data["hypotheses"][:3])
    lines = [f"{data['kind']}: {data['reason']}" + (f"  [{beliefs}]" if beliefs else "")]
    lines += [f"→ {call(action)}" for action in data["actions"]]
    return "\n".join(lines)


def _sources(data: dict[str, Any]) -> str:
    return "".join(f"\n[{each['title']}: {each['source']}]" for each in data["citations"])
