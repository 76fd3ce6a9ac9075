"""Whether a passage answers a question, or only resembles it.

The weights were fitted (logistic regression, C=10) on questions whose answer is known to be in the documents or known
not to be: the cloud domain's examples over its pages, half of a public cloud's FAQ and paraphrases over its 1,211
documents, and 350 questions from elsewhere over both. `learning.evaluation.answers` measures what comes of them;
tests/integration/learning holds them to questions they were not fitted on.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from aivis.terms import is_han
from services.reasoner.agents.knowledge.found import Found

_SIMILARITY, _COVERAGE, _STANDING_OUT, _BIAS = 7.1, 4.8, 8.2, -8.0
KNOWN = 0.6
"""From here on an answer is given: to 4 in 870 questions that nothing answers, and to nine in ten that a passage
answers in other words. At .7 it is 3 in 870, and eight in ten."""
_KNOWN_HAN = 0.6
"""Coverage from which on a Chinese question counts as answered: the embedding model does not read Chinese."""
_UNRELATED = 0.2
"""Similarity of text that has nothing to do with a question, where too little was found to see it."""


def background(found: Sequence[Found]) -> float:
    """How similar the knowledge is to the question anyway: the mean of the fifth to the tenth best similarity."""
    similarities = sorted((each.similarity for each in found), reverse=True)[4:10]
    return fmean(similarities) if similarities else _UNRELATED


def belief(found: Found, question: str, behind: float) -> float:
    """How likely `found` answers `question`, in [0, 1]; comparable with `KNOWN`. `behind` is the `background`."""
    if is_han(question):
        return KNOWN * found.coverage / _KNOWN_HAN
    standing_out = found.similarity - behind
    sum_of_evidence = _SIMILARITY * found.similarity + _COVERAGE * found.coverage + _STANDING_OUT * standing_out
    return 1 / (1 + math.exp(-(sum_of_evidence + _BIAS)))
