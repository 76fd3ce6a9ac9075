"""The reasoner's metrics: what it decides and how cases end in this process (the business figures are escalation's)."""

from prometheus_client import Counter

from aivis.events.cases import DecisionMade, LimitReached, ModelResponded
from aivis.events.replies import OutcomeReached
from services.reasoner.draft import Draft

DECISIONS = Counter("aivis_reasoner_decisions_total", "Decisions by kind and brain", ["kind", "brain"])
OUTCOMES = Counter("aivis_reasoner_outcomes_total", "Cases that ended", ["outcome"])
LIMITS = Counter("aivis_reasoner_limits_total", "Guards that stopped a case", ["guard"])
TOKENS = Counter("aivis_reasoner_tokens_total", "Model tokens", ["model", "direction"])
LOST_TOKENS = Counter(
    "aivis_reasoner_lost_tokens_total", "Model tokens counted for questions whose answer never came, at their most"
)
MODEL_ANSWERS = Counter("aivis_reasoner_model_answers_total", "Questions to the model by result", ["model", "became"])


def count(draft: Draft) -> None:
    """Count what the draft holds and has not yet given to a step."""
    for event in draft.log:
        match event.data:
            case DecisionMade(kind=kind, brain=brain):
                DECISIONS.labels(kind.value, brain).inc()
            case OutcomeReached(outcome=outcome):
                OUTCOMES.labels(outcome.value).inc()
            case LimitReached(guard=guard):
                LIMITS.labels(guard).inc()
            case ModelResponded(model=model, prompt_tokens=prompt, completion_tokens=completion):
                TOKENS.labels(model, "prompt").inc(prompt)
                TOKENS.labels(model, "completion").inc(completion)
