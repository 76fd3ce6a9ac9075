"""How well faults are found and mended: `aivis eval diagnosis --domain D [--faults 1,2]`.

Every fault kind alone (1), or several on one site (2, 3), each told in a customer's words, through all services of an
embedded stack; judged by the final state of the world, read by a client that no service uses.
"""

import asyncio
import importlib
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from aivis.cli.client import Client
from aivis.cli.embedded import environment, plan, stack
from aivis.errors import Invalid
from aivis.events.envelope import JsonObject
from aivis.modules import loader
from aivis.modules.library import Library
from aivis.modules.schema import Fault, Suspect
from aivis.telemetry import configure_logging
from services.reasoner.brains.playbook import costs

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Diagnosis:
    """How one case went."""

    kinds: tuple[str, ...]
    solved: bool
    harmful: bool
    why: str
    fault: str
    """The module that explained it; empty when none did."""
    intent: str
    checks: tuple[JsonObject, ...]
    """The checks made until the fault was explained."""


def evaluate(domain: Path, faults: Sequence[int], seed: int, progress: Progress) -> JsonObject:
    """The figures of `aivis eval diagnosis`, keys as in the design."""
    begun = time.monotonic()
    configure_logging(format="text", level="error")
    found: list[Diagnosis] = []
    for count in faults:
        found += uvloop.run(_diagnose(domain.resolve(), count, seed, progress))
    library = loader.load(domain / "modules")
    optimal, fixed = _ratios(found, library)
    checks = [len(each.checks) for each in found]
    return {
        "cases": len(found),
        "solved": round(sum(each.solved for each in found) / len(found), 4),
        "harmful": round(sum(each.harmful for each in found) / len(found), 4),
        "checks_per_case": round(sum(checks) / len(checks), 3),
        "cost_ratio_to_optimal": optimal,
        "cost_ratio_to_fixed_order": fixed,
        "unsolved": {"+".join(each.kinds): each.why for each in found if not each.solved},
        "seconds": round(time.monotonic() - begun, 1),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def _diagnose(domain: Path, count: int, seed: int, progress: Progress) -> list[Diagnosis]:
    """Stage and play the cases with `count` faults each, on a stack of their own."""
    staged = importlib.import_module(f"domains.{domain.name}.evaluation")
    if not 1 <= count <= 3:
        raise Invalid(f"--faults {count}: give 1, 2 or 3, or several of them with commas")
    with tempfile.TemporaryDirectory(prefix="aivis-eval-") as name:
        folder = Path(name)
        run, ports = plan("acme", os.getpid())
        async with stack(run, environment(run, ports, folder, domain), folder / "logs"):
            progress(f"{count} fault(s) a case: staging and handing in")
            played = await asyncio.to_thread(staged.play, Client(run), count, seed)
            return [Diagnosis(**each) for each in played]


def _ratios(found: Sequence[Diagnosis], library: Library) -> tuple[float | None, float | None]:
    """What the checks cost over what they cost at best, and in the order of the modules, where one explained it."""
    spent = best = fixed = 0.0
    for each in found:
        module = library.modules.get(each.fault)
        if len(each.kinds) != 1 or not isinstance(module, Fault):
            continue
        suspects = _suspects(library, each.intent)
        trials = costs.trials_of(suspects)
        priors = {suspect.name: suspect.prior for suspect in suspects}
        price = {check.tool: check.cost for suspect in suspects for check in suspect.checks}
        spent += sum(price.get(check["tool"], 1.0) for check in each.checks)
        best += costs.cost_of(module.name, costs.best_order(trials, priors))
        fixed += costs.cost_of(module.name, costs.fixed_order(trials))
    if not best:
        return None, None
    return round(spent / best, 3), round(spent / fixed, 3)


def _suspects(library: Library, intent: str) -> tuple[Suspect, ...]:
    suspects: list[Suspect] = [*library.faults, *library.healthy]
    return tuple(each for each in suspects if intent in each.serves)
