"""Planners for tests: of the small domain in library_desk/, with an embedding that knows nothing; and of the cloud."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aivis.embedding import MODEL, shared_embedder
from aivis.events.envelope import JsonObject
from aivis.events.plans import Plan, PlanRequested
from services.planner.classifying import Classifier
from services.planner.clients import vocabulary
from services.planner.domain import Domain, read_domain
from services.planner.opening import open_planner, trained, words_of
from services.planner.planning import Planner
from services.planner.ports import Language

FOLDER = Path(__file__).parent / "library_desk"
ROOT = Path(__file__).parents[4]
CLOUD = ROOT / "domains" / "cloud"
CACHE = ROOT / ".aivis" / "cache"
MODULES = {
    "shelf_mixed_up": ("find.missing",),
    "return_cart_full": ("find.missing",),
    "renew_by_phone": ("loan.renew",),
}


class Mute:
    """An embedding in which all texts are alike: what the planner then understands, it has from words."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.zeros((len(texts), 4), dtype=np.float32)


class NoWords:
    """A language without words: whatever is near a concept's word is a typo of it."""

    def knows(self, word: str) -> bool:
        return False


LANGUAGE = Language(Mute(), "mute", NoWords())


@cache
def desk_domain() -> Domain:
    return read_domain(FOLDER, modules=MODULES)


@cache
def desk() -> Planner:
    domain = desk_domain()
    words = words_of(domain, LANGUAGE)
    return Planner(domain, Classifier(trained(domain, words, LANGUAGE), LANGUAGE.embedding, words), words.lexicon)


@cache
def cloud() -> Planner:
    """Trained on the first call after a change of the domain, which takes half a minute; then kept."""
    return open_planner(CLOUD, CACHE, Language(shared_embedder(), MODEL, vocabulary()))


def request(text: str, *, subject: str = "", guidance: tuple[str, ...] = (), **more: object) -> PlanRequested:
    fields: JsonObject = {
        "request": "r",
        "customer": "c",
        "text": text,
        "subject": subject,
        "guidance": guidance,
        **more,
    }
    return PlanRequested.model_validate(fields)


def wanted(plan: Plan) -> list[tuple[str, JsonObject]]:
    return [(subtask.intent, subtask.inputs) for subtask in plan.subtasks]
