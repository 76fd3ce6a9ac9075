"""What a case has spent, and how that changes with a question to a model. Pure."""

from datetime import datetime

from aivis.events.envelope import Value


class Question(Value):
    """Tokens of a question to a model, or the most that it may take."""

    prompt: int
    completion: int

    @property
    def tokens(self) -> int:
        return self.prompt + self.completion


class Spent(Value):
    """What the case has used of its budget since it was opened or reopened."""

    actions: int = 0
    """Calls of tools, repeated ones included."""
    decisions: int = 0
    tokens: int = 0
    """Of questions to a model that are over, what was lost included."""
    completion: int = 0
    """Of them, those that a model wrote."""
    lost: int = 0
    """Of them, those of questions whose answer never came: counted as what they could take at most."""
    asked: dict[str, Question] = {}
    """Questions that went out and are not over, by subtask: what they may take at most is set aside."""
    since: datetime
    worked: float = 0
    """Seconds of its wall time up to where it last began to wait for people."""

    @property
    def used(self) -> Question:
        """Tokens used, those set aside included."""
        under_way = self.asked.values()
        completion = self.completion + sum(each.completion for each in under_way)
        return Question(
            prompt=self.tokens - self.completion + sum(each.prompt for each in under_way), completion=completion
        )


def asked(spent: Spent, subtask: str, question: Question) -> Spent:
    """`question` is about to be asked."""
    return spent.model_copy(update={"asked": {**spent.asked, subtask: question}})


def released(spent: Spent, subtask: str) -> Spent:
    """The question cost nothing."""
    return spent.model_copy(update={"asked": {name: each for name, each in spent.asked.items() if name != subtask}})


def lost(spent: Spent, subtask: str) -> Spent:
    """What the question's answer took is not known: it counts as all that it could be."""
    question = spent.asked.get(subtask)
    if question is None:
        return spent
    settled = answered(spent, subtask, question)
    return settled.model_copy(update={"lost": spent.lost + question.tokens})


def answered(spent: Spent, subtask: str, took: Question) -> Spent:
    """The answer to the question took so many tokens."""
    tokens, completion = spent.tokens + took.tokens, spent.completion + took.completion
    return released(spent, subtask).model_copy(update={"tokens": tokens, "completion": completion})
