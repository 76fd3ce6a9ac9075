"""`aivis eval NAME`: evaluations on given files, as a table or one JSON object."""

import asyncio
import importlib
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.progress import Progress
from rich.table import Table

from aivis.cli.shell import command, console, errors
from aivis.errors import Invalid

evaluations = typer.Typer(help="Evaluations; each prints a table, or with --json one object.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Train = Annotated[Path, typer.Option(help="JSON lines to learn from.")]
Test = Annotated[Path, typer.Option(help="JSON lines to answer.")]


@evaluations.command("diagnosis")
@command
def diagnosis(
    domain: Annotated[str, typer.Option(help="A folder under domains/.")] = "cloud",
    faults: Annotated[str, typer.Option(help="How many faults a case has: 1, or several numbers with commas.")] = "1",
    seed: int = 0,
    as_json: Json = False,
) -> None:
    """Every fault kind, told in a customer's words, through the whole stack; judged by the world's final state."""
    if not all(part.isdecimal() for part in faults.split(",")):
        raise Invalid(f"--faults {faults!r}: give numbers with commas, such as 1,2")
    counts = [int(part) for part in faults.split(",")]
    found = _module("diagnosis").evaluate(Path("domains") / domain, counts, seed, errors.print)
    _show(found, as_json=as_json)


@evaluations.command("intents")
@command
def intents(train: Train, test: Test, as_json: Json = False) -> None:
    """How well intents are told, and what is out of scope (`oos`)."""
    _show(_module("intents").evaluate(train, test), as_json=as_json)


@evaluations.command("scenario")
@command
def scenario(train: Train, test: Test, as_json: Json = False) -> None:
    """How well scenarios are told."""
    _show(_module("scenario").evaluate(train, test), as_json=as_json)


@evaluations.command("splitting")
@command
def splitting(train: Train, test: Test, as_json: Json = False) -> None:
    """How well several intents in one text are found."""
    _show(_module("splitting").evaluate(train, test), as_json=as_json)


@evaluations.command("retrieval")
@command
def retrieval(
    corpus: Annotated[Path, typer.Option(help="Documents: id, title, text, language.")],
    questions: Annotated[Path, typer.Option(help="Questions: id, question, relevant.")],
    weaviate: Annotated[str, typer.Option(help="`http://HOST:PORT,GRPCPORT`; empty: the embedded index.")] = "",
    as_json: Json = False,
) -> None:
    """How well the right documents are found."""
    evaluation = _module("retrieval")
    documents = evaluation.corpus(corpus)
    asked = evaluation.asked(questions, {document.id for document in documents})
    with Progress(console=errors, transient=True) as bar:
        task = bar.add_task("ingesting", total=len(documents))
        found = asyncio.run(
            evaluation.evaluate(
                documents, asked, weaviate=weaviate, progress=lambda done, _: bar.update(task, completed=done)
            )
        )
    _show(found, as_json=as_json)


def _module(name: str) -> Any:
    return importlib.import_module(f"learning.evaluation.{name}")


def _show(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(figures).decode())
        return
    table = Table("figure", "value", box=None)
    for name, value in figures.items():
        table.add_row(name, orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value))
    console.print(table)
