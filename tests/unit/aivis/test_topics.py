"""The table of topics is whole: every event has its way, every way its ends."""

from aivis.events import registry, timers
from aivis.topics import DEAD_LETTER, INTAKE_PREFIX, TOPICS, consumed_by, intake

SERVICES = {"gateway", "planner", "reasoner", "executor", "retriever", "escalation"}
TABLE = (*TOPICS, intake("desk"))


def test_every_event_but_a_timer_travels_on_some_topic() -> None:
    carried = {kind.TYPE for topic in TABLE for kind in topic.events}
    assert set(registry.PAYLOADS) - carried == {timers.TimerDue.TYPE}


def test_names_are_unique_and_ours() -> None:
    names = [topic.name for topic in TABLE]
    assert len(set(names)) == len(names)
    assert all(name.startswith("aivis.") and name == name.lower() for name in names)
    assert DEAD_LETTER not in names
    assert not any(topic.name.startswith(INTAKE_PREFIX) for topic in TOPICS)


def test_only_services_write_and_read() -> None:
    for topic in TOPICS:
        assert topic.producers, topic.name
        assert set(topic.producers) | set(topic.consumers) <= SERVICES, topic.name


def test_only_the_gateway_writes_tickets_and_reads_what_upstream_publishes() -> None:
    assert [topic.producers for topic in TOPICS if topic.name == "aivis.tickets"] == [("gateway",)]
    assert (intake("desk").name, intake("desk").producers, intake("desk").consumers) == (
        "aivis.intake.desk", ("desk",), ("gateway",))  # fmt: skip


def test_only_escalation_gives_an_expert_s_word_and_only_the_executor_asks_for_it() -> None:
    writers = {kind: topic.producers for topic in TOPICS if topic.name != "aivis.case-events" for kind in topic.events}
    for kind, names in writers.items():
        if kind.TYPE.startswith("aivis.approval.") or kind.TYPE == "aivis.action.settled":
            assert names == (("executor",) if kind.TYPE.endswith("requested") else ("escalation",))


def test_the_case_s_log_has_every_input_and_output_of_the_reasoner() -> None:
    [log] = [topic for topic in TOPICS if topic.name == "aivis.case-events"]
    read_or_written = {
        kind
        for topic in TOPICS
        if topic is not log and "reasoner" in (*topic.producers, *topic.consumers)
        for kind in topic.events
    }
    by_reference = {"aivis.action.requested"}  # inside DecisionMade
    assert {kind.TYPE for kind in read_or_written} - {kind.TYPE for kind in log.events} == by_reference


def test_topics_have_partitions_and_are_kept_for_a_week_or_more() -> None:
    assert all(topic.partitions >= 1 and topic.retention.days >= 7 for topic in TABLE)
    assert all(topic.dead_letter == DEAD_LETTER for topic in TABLE)


def test_a_service_is_told_what_it_reads_in_the_table_s_order() -> None:
    assert [topic.name for topic in consumed_by("executor")] == ["aivis.actions", "aivis.approvals"]
    assert consumed_by("nobody") == ()
