"""What the bus says of a group of events that it sent."""

import pytest

from aivis.bus import in_order
from aivis.mailbox.values import OutboxRow


def rows(*lines: str) -> list[OutboxRow]:
    """A row per line, `topic/key`."""
    return [OutboxRow(n, str(n), line[0], line[2], (), b"") for n, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("lines", "acknowledged", "sent"),
    [
        (["t/a", "t/a", "t/a"], [True, True, True], [True, True, True]),
        (["t/a", "t/a", "t/a"], [True, False, True], [True, False, False]),
        (["t/a", "t/b", "t/a", "t/b"], [False, True, True, True], [False, True, False, True]),
        (["t/a", "u/a"], [False, True], [False, True]),
        (["t/a", "t/b", "t/b"], [True], [True, False, False]),
        ([], [], []),
    ],
    ids=["all", "one lost", "another key", "another topic", "broken off", "none"],
)
def test_nothing_behind_a_lost_event_of_its_key_and_topic_counts_as_sent(
    lines: list[str], acknowledged: list[bool], sent: list[bool]
) -> None:
    assert in_order(rows(*lines), acknowledged) == sent
