"""Every subscriber of every service: read in batches, acknowledged by the mailbox alone, kept out by `Invalid` alone.

FastStream's Kafka default acknowledges first and loses messages in a crash; what counts is what it would really do.
"""

import contextlib
import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy
from faststream.kafka.subscriber.usecase import BatchSubscriber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aivis import topics
from aivis.errors import Invalid
from aivis.mailbox.values import Arrival, Letter
from aivis.service import Service
from aivis.topics import TOPICS, Topic
from tests.contract.samples import EVENTS, record

SERVICES = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation")
BUILT = [name for name in SERVICES if importlib.util.find_spec(f"services.{name}.main")]
REPOSITORY = Path(__file__).parents[3]
SOURCES = {"desk": "acme"}


def build(name: str, folder: Path) -> Service:
    """The service as it would be run, opened to nothing."""
    own = importlib.import_module(f"services.{name}.settings")
    kind = getattr(own, f"{name.title()}Settings")
    main = importlib.import_module(f"services.{name}.main")
    service: Service = main.build(kind.load(environment(folder)))
    return service


def environment(folder: Path) -> Mapping[str, str]:
    return {
        "AIVIS_DATABASE": f"sqlite:{folder}",
        "AIVIS_ARTIFACTS": str(folder / "artifacts"),
        "AIVIS_DOMAIN": str(REPOSITORY / "domains" / "cloud"),
        "AIVIS_RETRIEVER_INDEX": str(folder / "index.db"),
        "AIVIS_PLANNER_CACHE": str(folder / "cache"),
        "AIVIS_GATEWAY_SOURCES": orjson.dumps(SOURCES).decode(),
    }


def read_by(name: str) -> list[Topic]:
    """What the table says that the service reads."""
    upstream = [topics.intake(source) for source in SOURCES] if name == "gateway" else []
    return [*upstream, *topics.consumed_by(name)]


@pytest.fixture(params=BUILT)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    return build(request.param, tmp_path)


@pytest.fixture
def subscriber(service: Service) -> BatchSubscriber:
    assert service.bus is not None
    [only] = service.bus.broker.subscribers
    assert isinstance(only, BatchSubscriber)
    return only


def test_every_service_of_the_table_is_there() -> None:
    assert {name for topic in TOPICS for name in (*topic.producers, *topic.consumers)} == set(SERVICES)
    assert set(BUILT) == set(SERVICES)


def test_a_service_has_one_subscriber_for_all_its_topics(service: Service, subscriber: BatchSubscriber) -> None:
    assert sorted(subscriber.topic_names_for_subscribe) == sorted(topic.name for topic in read_by(service.name))
    assert subscriber.group_id == f"aivis-{service.name}"
    assert subscriber.pattern is None


def test_a_subscriber_reads_in_batches_one_after_the_other(subscriber: BatchSubscriber) -> None:
    """The one class of FastStream's that takes whole batches and hands out none before the last is done."""
    assert type(subscriber) is BatchSubscriber
    assert len(subscriber.calls) == 1
    assert subscriber.max_records == 500


def test_a_subscriber_acknowledges_nothing_by_itself(subscriber: BatchSubscriber) -> None:
    assert subscriber.ack_policy is AckPolicy.MANUAL


async def test_the_consumer_that_faststream_would_build_commits_nothing_by_itself(
    service: Service, subscriber: BatchSubscriber
) -> None:
    assert service.bus is not None
    await service.bus.broker.connect()  # opens nothing: consumers only
    consumer = subscriber.builder(
        group_id=subscriber.group_id, client_id=subscriber.client_id, **subscriber._connection_args
    )
    assert isinstance(consumer, AIOKafkaConsumer)
    assert consumer._enable_auto_commit is False
    assert consumer._auto_offset_reset == "earliest", "a group that is new, or lost its offsets, misses nothing"
    assert consumer._group_id == f"aivis-{service.name}"
    assert consumer._isolation_level == "read_uncommitted"


def test_a_service_creates_every_topic_that_it_reads_or_writes(service: Service) -> None:
    written = {topic.name for topic in TOPICS if service.name in topic.producers}
    read = {topic.name for topic in read_by(service.name)}
    created = {topic.name for topic in service.topics}
    assert created >= read
    assert written - created <= {topics.KNOWLEDGE.name}, "who reads documents creates their topic"


# What gets past: every service's own last look, with everything that its topics may carry, and more.


def admitted(service: Service, letter: Letter) -> Arrival | None:
    assert service.mailbox is not None
    return service.mailbox.admit(letter)


def carried(topic: Topic) -> list[Letter]:
    """Every sample of an event that `topic` carries, as it is on that topic."""
    sampled = [record(sample.document()) for sample in EVENTS]
    kinds = {kind.TYPE.encode() for kind in topic.events}
    place = (("ce_sequence", b"7"),) if topic is topics.CASE_EVENTS else ()
    return [
        Letter(topic.name, (*(h for h in each.headers if h[0] != "ce_sequence"), *place), each.value, "held back")
        for each in sampled
        if dict(each.headers)["ce_type"] in kinds
    ]


def test_a_service_keeps_out_nothing_that_the_table_says_is_its(service: Service) -> None:
    """It may pass over what it does not need; then nothing is said of it."""
    for topic in topics.consumed_by(service.name):
        found = [(letter, admitted(service, letter)) for letter in carried(topic)]
        assert {dict(letter.headers)["ce_type"].decode() for letter, _ in found} == {k.TYPE for k in topic.events}
        taken = [(letter, arrival) for letter, arrival in found if arrival is not None]
        assert taken, f"{service.name} passes over all of {topic.name}"
        assert all((arrival.key.tenant, arrival.value) == ("acme", letter.value) for letter, arrival in taken)


WORDS = st.sampled_from(["", "x", "acme", "desk", "T-1", "\x00", "a/b", "x" * 300, "é", "1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["action", "ticket", "x"]), inner),
    max_leaves=6,
)
BODIES = st.binary(max_size=40) | JSON.map(orjson.dumps)


@pytest.mark.parametrize("name", BUILT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_nothing_that_comes_in_raises_anything_but_invalid(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = _service(name, tmp_path_factory)
    topic = data.draw(st.sampled_from(read_by(name)))
    headers = {
        "ce_id": data.draw(WORDS),
        "ce_type": data.draw(st.sampled_from([kind.TYPE for kind in topic.events])),
        "ce_source": data.draw(WORDS),
        "ce_subject": data.draw(WORDS),
        "ce_tenant": data.draw(WORDS),
    }
    letter = Letter(topic.name, tuple((n, v.encode()) for n, v in headers.items()), data.draw(BODIES), "held back")
    with contextlib.suppress(Invalid):
        arrival = admitted(service, letter)
        assert arrival is None or arrival.key.tenant == headers["ce_tenant"], "no tenant but the event's own"


_SERVICES: dict[str, Service] = {}


def _service(name: str, folders: pytest.TempPathFactory) -> Service:
    """Built once for all examples."""
    if name not in _SERVICES:
        _SERVICES[name] = build(name, folders.mktemp(name))
    return _SERVICES[name]
