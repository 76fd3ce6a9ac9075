"""The AsyncAPI document says what the topic table says, and the one in docs/ is current."""

from pathlib import Path
from typing import Any

import yaml

from aivis import asyncapi
from aivis.topics import TOPICS, intake

KEPT = Path(__file__).parents[3] / "docs" / "asyncapi.yaml"


def test_the_kept_document_is_current() -> None:
    kept = yaml.safe_load(KEPT.read_text(encoding="utf-8"))
    assert kept == asyncapi.document(), "run `make generate`"


def test_every_topic_is_a_channel_with_its_events() -> None:
    channels = asyncapi.document()["channels"]
    for topic in (*TOPICS, intake("SOURCE")):
        assert set(channels[topic.name]["messages"]) == {kind.TYPE for kind in topic.events}
        assert channels[topic.name]["bindings"]["kafka"]["partitions"] == topic.partitions


def test_every_producer_sends_and_every_consumer_receives() -> None:
    operations = asyncapi.document()["operations"]
    assert operations["executor.receives.aivis.actions"]["action"] == "receive"
    assert operations["reasoner.sends.aivis.actions"] == {
        "action": "send",
        "channel": {"$ref": "#/channels/aivis.actions"},
    }
    assert len(operations) == sum(len(t.producers) + len(t.consumers) for t in (*TOPICS, intake("SOURCE")))


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi.document()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for each in part.values() for found in references(each)]
        return [found for each in part for found in references(each)] if isinstance(part, list) else []

    found = references(document)
    assert len(found) > 100
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
