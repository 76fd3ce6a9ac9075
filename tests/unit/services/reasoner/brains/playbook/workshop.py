"""A small domain for the tests of the playbook: a machine with three parts that can break."""

from aivis.errors import Refused
from aivis.events.envelope import JsonObject
from aivis.modules.library import Library
from aivis.modules.loader import parse_all
from tests.unit.services.reasoner.brains.playbook.play import Forbidden

PARTS = ("belt", "motor", "fuse")


def fault(name: str, *, prior: float, look: str, cost: float = 1, more: str = "") -> tuple[str, str]:
    return (
        f"{name}.yaml",
        f"""
fault: {name}
says: "The {name} is broken."
prior: {prior}
serves: [mend.machine]
explains: [stands_still]
needs: [machine]
checks:
  - tool: {look}
    with: {{machine: ticket.machine}}
    cost: {cost}
    when_present: "'{name}' in result.broken"
    sure: 0.97
    false_alarm: 0.01
remedies:
  - tool: shop.replace
    with: {{machine: ticket.machine, part: "'{name}'"}}
    risk: reversible
    succeeds: 0.9
    verify: {{tool: shop.run, with: {{machine: ticket.machine}}, expect: result.runs}}
    undo: true
{more}finding: "We replaced the {name}."
""",
    )


HEALTHY = """
healthy: machine_runs
says: It runs.
explains: [stands_still]
serves: [mend.machine]
needs: [machine]
checks:
  - {tool: shop.run, with: {machine: ticket.machine}, cost: 2, when_present: result.runs, sure: 0.97, false_alarm: 0.02}
finding: It runs.
"""
INPUTS = """
inputs:
  machine:
    says: Which machine.
    ask: Which machine is it?
    lookup:
      - {tool: shop.find, when: has(ticket.hall), with: {hall: ticket.hall}, settled: result.one, value: result.machine}
  hall: {says: Which hall.}
"""
FILES = dict(
    [
        fault("belt", prior=0.3, look="shop.look"),
        fault("motor", prior=0.1, look="shop.look"),
        fault("fuse", prior=0.2, look="shop.measure", cost=2),
        ("machine_runs.yaml", HEALTHY),
        ("inputs.yaml", INPUTS),
    ]
)


def library(**changed: str) -> Library:
    """The workshop's modules; `changed` gives or replaces files by name without .yaml."""
    files = FILES | {f"{name}.yaml": text for name, text in changed.items()}
    loaded = parse_all(files.items())
    assert not loaded.problems, loaded.problems
    return loaded.library


class Machine:
    """A world: the parts that are broken, and what policy and the tools do."""

    def __init__(self, *broken: str, hopeless: bool = False) -> None:
        self.broken = set(broken)
        self.replaced: list[str] = []
        self.hopeless = hopeless
        """It never runs, whatever is replaced."""
        self.forbidden: set[str] = set()
        """Parts that may not be replaced."""
        self.lies: set[str] = set()
        """Parts that a look calls broken although they are not."""
        self.down: set[str] = set()
        """Tools that fail."""
        self.undo_fails = False
        self._done: dict[str, tuple[str, bool]] = {}

    def call(self, tool: str, arguments: JsonObject, action: str) -> JsonObject:
        if tool in self.down:
            raise Refused(f"{tool} is down")
        if tool == "shop.replace":
            return self._replace(arguments["part"], action)
        if tool == "shop.repair":
            return self._replace("belt", action, word="repair")
        if tool == "shop.find":
            return {"one": True, "machine": "m1"}
        if tool == "shop.run":
            return {"runs": not self.broken and not self.hopeless}
        seen = {"shop.look": {"belt", "motor"}, "shop.measure": {"fuse"}}.get(tool, set(PARTS))
        return {"broken": sorted((self.broken | self.lies) & seen)}

    def _replace(self, part: str, action: str, *, word: str = "replace") -> JsonObject:
        if word == "replace" and part in self.forbidden:
            raise Forbidden(f"nobody may replace the {part}")
        self._done[action] = (part, part in self.broken)
        self.broken.discard(part)
        self.replaced.append(part)
        return {"replaced": part}

    def undo(self, action: str) -> JsonObject:
        if self.undo_fails:
            raise Refused("the old part is lost")
        part, was_broken = self._done[action]
        self.replaced.remove(part)
        if was_broken:
            self.broken.add(part)
        return {}
