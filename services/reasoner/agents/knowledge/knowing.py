"""Whether a passage answers a question, or only resembles it.

The weights were fitted (logistic regression, C=10) on questions whose answer is known to be in the documents or known
not to be: the cloud domain's own, and a public cloud's 1,211 documents with half of its FAQ, paraphrases of it, and 350
questions from elsewhere. tests/integration/test_knowledge_of_a_real_size.py holds them to the other half.
"""

import math

from aivis.terms import is_han
from services.reasoner.agents.knowledge.found import Found

_SIMILARITY, _COVERAGE, _BIAS = 11.9, 6.2, -11.43
KNOWN = 0.6
"""From here on an answer is given. At .5 one question in 170 that nothing answers would get one, at .7 a tenth of the
paraphrases more would go to a person."""
_KNOWN_HAN = 0.6
"""Coverage from which on a Chinese question counts as answered: the embedding model does not read Chinese."""


def belief(found: Found, question: str) -> float:
    """How likely `found` answers `question`, in [0, 1]; comparable with `KNOWN`."""
    if is_han(question):
        return KNOWN * found.coverage / _KNOWN_HAN
    return 1 / (1 + math.exp(-(_SIMILARITY * found.similarity + _COVERAGE * found.coverage + _BIAS)))
