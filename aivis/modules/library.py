"""A folder of modules, ready to be asked for those that serve an intent or explain a symptom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aivis.modules.schema import AnyModule, Fault, Healthy, Input, Procedure


@dataclass(frozen=True)
class Library:
    """All modules by name, in the order of their files' names."""

    modules: Mapping[str, AnyModule] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(module for module in self.modules.values() if isinstance(module, Fault))

    @property
    def healthy(self) -> tuple[Healthy, ...]:
        return tuple(module for module in self.modules.values() if isinstance(module, Healthy))

    @property
    def procedures(self) -> tuple[Procedure, ...]:
        return tuple(module for module in self.modules.values() if isinstance(module, Procedure))

    def procedure(self, name: str) -> Procedure:
        """The procedure of that name; the linter has seen that every remedy's procedure is there."""
        found = self.modules[name]
        assert isinstance(found, Procedure), f"{name} is a procedure"
        return found

    def with_priors(self, priors: Mapping[str, float]) -> "Library":
        """The same with the case library's priors for the faults it names; a figure outside (0, 1) is left out."""
        usable = {name: prior for name, prior in priors.items() if 0 < prior < 1}
        changed = {
            name: module.model_copy(update={"prior": usable[name]})
            for name, module in self.modules.items()
            if name in usable and isinstance(module, Fault | Healthy)
        }
        return replace(self, modules={**self.modules, **changed})


def library(modules: Iterable[AnyModule], inputs: Mapping[str, Input]) -> Library:
    """A library of these modules."""
    return Library({module.name: module for module in modules}, inputs)
