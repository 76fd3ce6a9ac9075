"""Opening a planner: the domain is read, and the classifier loaded from the cache or trained anew."""

import hashlib
import sys
from collections import Counter
from pathlib import Path

from aivis.modules import loader
from services.planner.classifying import Classifier, Weights
from services.planner.concepts import Lexicon, tokens_of
from services.planner.domain import Domain, read_domain
from services.planner.features import VERSION, Words, prepare
from services.planner.mentions import Reader, normalised
from services.planner.planning import Planner
from services.planner.ports import Language

_SEEN_TWICE = 2
"""A word that so many examples use is no typo."""


def open_planner(folder: Path, cache: Path, language: Language) -> Planner:
    """The planner of the domain in `folder`; a classifier that is not in `cache` is trained, and kept there."""
    domain = read_domain(folder, modules=_modules(folder / "modules"))
    words = words_of(domain, language)
    path = _kept(domain, cache, language)
    weights = Weights.load(path)
    if weights is None:
        weights = trained(domain, words, language)
        weights.save(path)
    return Planner(domain, Classifier(weights, language.embedding, words), words.lexicon)


def is_trained(folder: Path, cache: Path, language: Language) -> bool:
    """Whether the classifier of the domain in `folder` is in `cache`."""
    return Weights.load(_kept(read_domain(folder), cache, language)) is not None


def _kept(domain: Domain, cache: Path, language: Language) -> Path:
    digest = hashlib.sha256(f"{VERSION}/{language.model}/{domain.version}".encode()).hexdigest()
    return cache / f"intents-{digest[:16]}.npz"


def trained(domain: Domain, words: Words, language: Language) -> Weights:
    """The classifier of the domain's examples. Takes seconds."""
    from services.planner.training import train

    reader = Reader(domain.routing)
    texts = [normalised(example.text) for example in domain.examples]
    masked = [reader.masked(text, reader.read(text)) for text in texts]
    labels = [example.intent for example in domain.examples]
    return train([prepare(text, words) for text in masked], labels, language.embedding)


def words_of(domain: Domain, language: Language) -> Words:
    """The domain's concepts and doings; a word of the language, or of several examples, is no typo."""
    counts = Counter(token for example in domain.examples for token in set(tokens_of(normalised(example.text))))
    common = frozenset(word for word, count in counts.items() if count >= _SEEN_TWICE)
    lexicon = Lexicon(domain.concepts, known=lambda word: word in common or language.vocabulary.knows(word))
    return Words(lexicon, frozenset(verb for intent in domain.routing.intents.values() for verb in intent.verbs))


def _modules(folder: Path) -> dict[str, tuple[str, ...]]:
    """The intents that each module serves; none where the domain has no modules."""
    if not folder.is_dir():
        return {}
    return {name: module.serves for name, module in loader.load(folder).modules.items()}


def main() -> None:
    """Train the classifier of the domain folder named first into the cache folder named second."""
    from aivis.embedding import MODEL, Embedder
    from services.planner.clients import Vocabulary

    folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
    open_planner(folder, cache, Language(Embedder(), MODEL, Vocabulary()))


if __name__ == "__main__":
    main()
