import pytest

from aivis import identity, topics
from aivis.errors import Invalid
from aivis.events.envelope import Head
from aivis.events.replies import ReplySent
from aivis.events.tickets import TicketOpened, TicketSubmitted
from aivis.mailbox.values import Arrival, Key
from aivis.topics import Topic
from services.gateway.consumer import refine
from services.gateway.settings import GatewaySettings

ADMIT = refine({"desk": "acme", "other": "globex"})


def arrived(topic: Topic, **attributes: str) -> Arrival | None:
    said = {"id": "e1", "type": TicketSubmitted.TYPE, "source": "desk", "subject": "T-1", "tenant": "acme"}
    head = Head.model_validate(said | attributes)
    arrival = Arrival(head.id, Key(head.tenant, head.subject), topic.name, (), b"{}")
    return ADMIT(topic, head, arrival)


def test_a_submission_is_kept_under_its_case() -> None:
    arrival = arrived(topics.intake("desk"))

    assert arrival is not None
    assert arrival.key == Key("acme", identity.case_id("acme", "desk", "T-1"))


def test_the_same_event_id_of_two_sources_is_two_submissions() -> None:
    ours = arrived(topics.intake("desk"))
    theirs = arrived(topics.intake("other"), source="other", tenant="globex")

    assert ours is not None
    assert theirs is not None
    assert ours.event_id != theirs.event_id


def test_a_source_may_not_speak_for_another_tenant() -> None:
    with pytest.raises(Invalid, match="ce_tenant is 'globex', but source desk is tenant acme's"):
        arrived(topics.intake("desk"), tenant="globex")


def test_a_source_may_not_speak_for_another_source() -> None:
    with pytest.raises(Invalid, match="ce_source is 'other': on this topic it must be 'desk'"):
        arrived(topics.intake("desk"), source="other")


def test_a_ticket_id_with_control_characters_is_refused() -> None:
    with pytest.raises(Invalid, match="control characters"):
        arrived(topics.intake("desk"), subject="T-1\n")


def test_of_the_case_s_log_only_what_was_sent_to_it_matters() -> None:
    assert arrived(topics.CASE_EVENTS, type=TicketOpened.TYPE) is not None
    assert arrived(topics.CASE_EVENTS, type=ReplySent.TYPE) is None
    assert arrived(topics.REPLIES, type=ReplySent.TYPE) is not None


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"AIVIS_GATEWAY_SOURCES": '{"a b": "acme"}'}, "names are letters"),
        (
            {
                "AIVIS_GATEWAY_SOURCES": '{"desk": "acme"}',
                "AIVIS_GATEWAY_KEYS": '[{"name": "x", "role": "upstream", "tenants": ["globex"], "source": "desk",'
                f' "sha256": "{"0" * 64}"}}]',
            },
            "source desk is tenant acme's",
        ),
        (
            {
                "AIVIS_GATEWAY_KEYS": '[{"name": "x", "role": "upstream", "tenants": ["a", "b"],'
                f' "sha256": "{"0" * 64}"}}]'
            },
            "one tenant's, not 2's",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused_at_start(variables: dict[str, str], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        GatewaySettings.load(variables)
