import pytest

from aivis import topics
from aivis.errors import Invalid
from aivis.events.actions import ActionFinished, ApprovalRequested
from aivis.events.envelope import Head
from aivis.events.escalations import CaseEscalated, GuidanceGiven
from aivis.mailbox.values import Arrival, Key
from aivis.topics import Topic
from services.escalation.consumer import refine

ADMIT = refine()


def arrived(topic: Topic, type: str, *, sequence: int | None = None) -> Arrival | None:
    head = Head(id="e1", type=type, source="reasoner", subject="c1", tenant="acme", sequence=sequence)
    headers = (("ce_id", b"e1"), ("ce_sequence", b"7"))
    return ADMIT(topic, head, Arrival("e1", Key("acme", "c1"), topic.name, headers, b"{}"))


def test_an_entry_of_the_log_needs_its_number() -> None:
    with pytest.raises(Invalid, match="needs ce_sequence"):
        arrived(topics.CASE_EVENTS, GuidanceGiven.TYPE)


def test_an_entry_of_the_log_is_not_taken_for_the_event_of_the_same_id_on_its_own_topic() -> None:
    in_log = arrived(topics.CASE_EVENTS, CaseEscalated.TYPE, sequence=7)
    on_topic = arrived(topics.ESCALATIONS, CaseEscalated.TYPE)

    assert in_log is not None
    assert on_topic is not None
    assert in_log.event_id != on_topic.event_id


def test_only_the_log_speaks_with_numbers() -> None:
    """What is numbered is believed to be the log: elsewhere a number is dropped."""
    arrival = arrived(topics.ESCALATIONS, CaseEscalated.TYPE, sequence=7)

    assert arrival is not None
    assert arrival.headers == (("ce_id", b"e1"),)


def test_of_results_only_those_that_wait_for_people_matter() -> None:
    assert arrived(topics.RESULTS, ActionFinished.TYPE) is None
    assert arrived(topics.RESULTS, ApprovalRequested.TYPE) is not None
