"""The next move of a subtask: the one question put to the playbook brain."""

from collections.abc import Mapping, Sequence

from aivis.errors import Invalid
from aivis.events.actions import Origin
from aivis.events.plans import AgentName, Subtask
from aivis.modules.library import Library
from services.reasoner.brains.playbook import candidates
from services.reasoner.brains.playbook.diagnosing import diagnose
from services.reasoner.brains.playbook.moves import Move, Observation
from services.reasoner.brains.playbook.operating import operate
from services.reasoner.brains.playbook.tuning import DEFAULT, Tuning
from services.reasoner.brains.playbook.view import Question

_NO_ORIGINS: Mapping[str, Origin] = {}


def decide(
    subtask: Subtask,
    library: Library,
    observations: Sequence[Observation],
    *,
    origins: Mapping[str, Origin] = _NO_ORIGINS,
    tuning: Tuning = DEFAULT,
) -> Move:
    """What to do next, the same for the same arguments.

    Ask only while no call of the subtask is outstanding. `observations` are all the ended calls of the subtask, in the
    order they were decided on, lookups and undos included. `origins` names the inputs that do not come from the ticket
    but, say, from an expert. A subtask of the operations agent, or whose first module is a procedure, is an operation,
    one of the diagnostic agent a diagnosis; any other is `Invalid`.
    """
    question = Question(subtask, library, observations, origins, tuning)
    if is_operation(subtask, library):
        return operate(question)
    if subtask.agent in {AgentName.DIAGNOSTIC, AgentName.OPERATIONS}:
        return diagnose(question)
    raise Invalid(f"subtask {subtask.id}: the playbook has no modules for the {subtask.agent} agent")


def is_operation(subtask: Subtask, library: Library) -> bool:
    """Whether the subtask is a procedure to carry out, not a fault to find."""
    return candidates.is_procedure(subtask, library) or (
        subtask.agent is AgentName.OPERATIONS and not candidates.is_fault(subtask, library)
    )
