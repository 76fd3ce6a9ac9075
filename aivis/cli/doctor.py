"""`aivis doctor`: what is wrong with settings, services and the domain, and how to mend it."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from aivis.cli.client import Client
from aivis.cli.embedded import SERVICES, Run
from aivis.cli.shell import DEFAULT_FOLDER, Folder, command, console
from aivis.errors import AivisError
from aivis.modules import catalogue, loader
from aivis.modules.linter import problems_of
from aivis.modules.wording import wording_faults

_ASKED = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")


@command
def doctor(
    folder: Folder = DEFAULT_FOLDER,
    domain: Annotated[Path, typer.Option(help="The domain's folder.")] = Path("domains/cloud"),
) -> None:
    """Check settings, the running stack and the domain; exit status 1 when something is to be mended."""
    found = [*_settings(), *_domain(domain), *_stack(folder)]
    for trouble in found:
        console.print(f"[bold red]mend[/] {trouble}", highlight=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print("[bold green]all well[/]")


def _settings() -> Iterator[str]:
    """Variables that a service would refuse."""
    for name in SERVICES:
        settings = getattr(importlib.import_module(f"services.{name}.settings"), f"{name.title()}Settings")
        try:
            settings.load()
        except AivisError as error:
            yield f"settings of {name}: {error}"
    _note("settings", f"{sum(key.startswith('AIVIS_') for key in os.environ)} variables of ours are set")


def _domain(domain: Path) -> Iterator[str]:
    """What the linter finds in the modules, and what the planner cannot read."""
    tools = catalogue.read(domain / "tools.json")
    loaded = loader.load_all(domain / "modules")
    yield from map(str, problems_of(loaded, tools))
    policies = importlib.import_module("services.executor.policy").Policies
    planner = importlib.import_module("services.planner.domain")
    try:
        policies.read(domain / "policy.cedar")
    except AivisError as error:
        yield str(error)
    try:
        routing = planner.read_domain(domain).routing
        yield from map(str, wording_faults(loaded, routing.intents, routing.symptoms))
    except AivisError as error:
        yield str(error)
    _note("domain", f"{domain}: {len(tools)} tools, {len([*(domain / 'modules').glob('*.yaml')])} module files")


def _stack(folder: Path) -> Iterator[str]:
    """What the services of a running stack say of their dependencies."""
    try:
        run = Run.read(folder)
    except AivisError as error:
        _note("stack", str(error))
        return
    client = Client(run)
    for name in _ASKED:
        answer = client.ready(getattr(run, name))
        for dependency, says in answer.items():
            if dependency != "ready" and says != "ok":
                yield f"{name}: {dependency}: {says}"
        _note(name, "ready" if answer["ready"] else "not ready")
        yield from _letters(client, name)


def _letters(client: Client, name: str) -> Iterator[str]:
    """The messages that the service could not handle."""
    try:
        counts = client.get(getattr(client.run, name), "/v1/dead/count")
    except AivisError:
        return  # whoever does not answer is told of already
    if found := ", ".join(f"{count} {kind}" for kind, count in counts.items() if count):
        yield f"{name}: messages could not be handled ({found}): `aivis dead list --service {name}` says why"


def _note(what: str, says: str) -> None:
    console.print(f"  {what:<11} {says}", highlight=False, soft_wrap=True)
