"""The past of a database that was restored: the topic of a message in the inbox says what it is to the service."""

from aivis.events.envelope import Past

_MARKS = {f"{past}:": past for past in Past}


def marked(topic: str, past: Past) -> str:
    """`topic` as the inbox has it of a message of the past."""
    return f"{past}:{topic}"


def read(topic: str) -> Past | None:
    """What a message of `topic`, as the inbox has it, is of the past; None: it is of the present."""
    if ":" not in topic:  # no topic of Kafka's has one
        return None
    return next((past for mark, past in _MARKS.items() if topic.startswith(mark)), None)
